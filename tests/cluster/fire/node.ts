import { isReady } from '#tests/support/kubernetes.ts'
import type { KubernetesObject } from '@kubernetes/client-node'
import { join } from 'node:path'
import { asked } from '../asked.ts'
import { scripts, store } from '../cluster.ts'
import { kubernetes } from '../installation.ts'
import { run } from '../phase.ts'

/** A server of the node, by the name of its log. */
export type Server = 'kube-apiserver' | 'kubelet'

/** The node of this machine, and what may be done to it. */
export type Node = {
  name: string
  /** Lets a server stand still, until it may go on. */
  freeze(server: Server): Promise<void>
  thaw(server: Server): Promise<void>
  /** Ends a server; it is gone then. */
  kill(server: Server): Promise<void>
  /** Starts whatever does not run. */
  start(): Promise<void>
  /** Whether the API server thinks that it is there. */
  isReady(): Promise<boolean>
  /** A command inside of it. */
  inside(...words: string[]): Promise<string>
}

export async function ownNode(): Promise<Node> {
  const { core } = kubernetes()
  const inside = (...words: string[]) => run([`${scripts}/shell`, ...words])
  const pidOf = (server: Server) => join(store, 'state/servers', server)
  const signal = async (server: Server, name: string) =>
    void (await inside('bash', '-c', `kill -${name} "$(cat "$0")"`, pidOf(server)))
  const { items } = await core.listNode()
  // Benchmarks make nodes that are none.
  const name = items.find(({ spec }) => !spec?.unschedulable)?.metadata?.name ?? ''
  return {
    name,
    freeze: (server) => signal(server, 'STOP'),
    thaw: (server) => signal(server, 'CONT'),
    async kill(server) {
      await signal(server, 'KILL')
      await inside('bash', '-c', 'tail --follow --pid="$(cat "$0")" /dev/null', pidOf(server))
    },
    start: async () => void (await inside(`${scripts}/servers`)),
    isReady: async () => isReady((await core.readNode({ name })) as KubernetesObject),
    inside,
  }
}

/** Waits until the node is said to be there, or not to be. */
export const untilNode = (node: Node, ready: boolean): Promise<true> =>
  asked(async () => (await node.isReady()) === ready || undefined)
