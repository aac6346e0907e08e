import { ApisApi, KubeConfig, VersionApi } from '@kubernetes/client-node'
import { existsSync, readFileSync } from 'node:fs'
import { ask, Refused, settingsFor } from '#shared/adapters/kubernetes-cluster/api.ts'
import { isInstalled } from '#shared/adapters/local-cluster/sandboxes.ts'
import { Away } from '#shared/ports/cluster.ts'
import { missingRights } from './kubeconfig-rights.ts'

/** A file, and one of its contexts; the current one, unless given. */
export type Choice = { file: string; context?: string | undefined }

const otherwise = 'or unset it, and a cluster is raised here'

/** What keeps a cluster from being found by KNIT_TEST_KUBECONFIG and KNIT_TEST_KUBECTX, and what to do; undefined when nothing does. */
export function mistakeIn({ file, context }: Choice): string | undefined {
  const named = `KNIT_TEST_KUBECONFIG names ${file}`
  if (!existsSync(file))
    return `${named}, which does not exist: name the kubeconfig of your cluster, ${otherwise}.`
  const config = new KubeConfig()
  try {
    config.loadFromFile(file)
  } catch (error) {
    const [why] = (error as Error).message.split('\n')
    return `${named}, which is not a kubeconfig (${why}): name that of your cluster, ${otherwise}.`
  }
  const there = config.getContexts().map(({ name }) => name)
  const other = `name one that it has (${there.join(', ') || 'none'}) in KNIT_TEST_KUBECTX`
  const chosen = context || config.getCurrentContext()
  if (!chosen) return `${named}, which has no current context: ${other}.`
  if (!there.includes(chosen)) return `${named}, which has no context ${chosen}: ${other}.`
  config.setCurrentContext(chosen)
  if (!config.getCurrentCluster()?.server)
    return `${named}, in which the context ${chosen} has no cluster with a server: ${other}.`
  return undefined
}

// Of what follows it the longest, as in `tests/cluster/shared`.
const longestRest = '-000000-shared-database'

/** What is wrong with KNIT_TEST_NAMESPACE, and what to do; undefined when nothing is. */
export function mistakeInPrefix(prefix: string): string | undefined {
  const most = 63 - longestRest.length
  if (prefix.length <= most && /^[a-z0-9]([a-z0-9-]*[a-z0-9])?$/.test(prefix)) return undefined
  return `KNIT_TEST_NAMESPACE is ${prefix}, with which no namespace of the tests can begin: take at most ${most} small letters, digits and dashes, and no dash at either end.`
}

type Where = {
  /** Where programs are looked for. */
  path?: string
  /** How many seconds the server may take to answer at all. */
  patience?: number
}

/** What keeps a cluster that was chosen from being tested in, and what to do, a line each; undefined when nothing does. Changes nothing there. */
export async function whyUnusable(
  choice: Choice,
  { path = process.env['PATH'] ?? '', patience = 5 }: Where = {},
): Promise<string | undefined> {
  const mistake = mistakeIn(choice)
  if (mistake) return mistake
  const absent = ['helm', 'kubectl'].filter((program) => !isInstalled(program, path))
  const all = [
    ...absent.map((name) => `${name} is not on the PATH, and the tests call it: install it.`),
    ...(await lacksOf(choice, patience)),
  ]
  return all.join('\n') || undefined
}

/** What a cluster lacks for the tests, or why it does not say. */
async function lacksOf({ file, context }: Choice, patience: number): Promise<string[]> {
  const config = new KubeConfig()
  config.loadFromFile(file)
  if (context) config.setCurrentContext(context)
  const server = config.getCurrentCluster()?.server ?? ''
  const lacks: string[] = []
  try {
    const inTime = settingsFor(config, server, patience)
    const { gitVersion } = await ask(server, new VersionApi(inTime).getCode())
    if (!gitVersion) throw new Away(`${server} answers otherwise than Kubernetes does`)
    if (isTooOld(gitVersion))
      lacks.push(
        `${server} is Kubernetes ${gitVersion}, and the chart takes ${oldest} or later: name another cluster in KNIT_TEST_KUBECONFIG.`,
      )
    // Who answers at all may take its time.
    const settings = settingsFor(config, server, 60)
    const { groups } = await ask(server, new ApisApi(settings).getAPIVersions())
    const absent = ofKnative.filter((name) => !groups.some((group) => group.name === name))
    if (absent.length > 0)
      lacks.push(
        `${server} does not know ${absent.join(', ')}: install Knative Serving and Eventing there (https://knative.dev/docs/install/).`,
      )
    const rights = await missingRights(server, settings)
    if (rights.length > 0)
      lacks.push(
        `At ${server} you may not ${rights.join(', ')}: take the kubeconfig of somebody who may do everything there.`,
      )
  } catch (error) {
    lacks.push(whatToDoAbout(error, server))
  }
  return lacks
}

function whatToDoAbout(error: unknown, server: string): string {
  const refused = error instanceof Away ? error.cause : error
  if (refused instanceof Refused && [401, 403].includes(refused.status))
    return `${server} does not let you ask (${refused.status}): sign in anew, until \`kubectl auth whoami\` answers in this context.`
  if (error instanceof Refused || error instanceof Away)
    return `${error.message}: see that it runs and is reached from here, or name another cluster in KNIT_TEST_KUBECONFIG, ${otherwise}.`
  throw error
}

const ofKnative = ['serving.knative.dev', 'eventing.knative.dev', 'sources.knative.dev']

const chart = new URL('../../charts/knitfab/Chart.yaml', import.meta.url)

/** Of Kubernetes, as the chart says it. */
const [oldest = ''] = /(?<=^kubeVersion: .*)\d+\.\d+/m.exec(readFileSync(chart, 'utf8')) ?? []

const isTooOld = (version: string): boolean => numberOf(version) < numberOf(oldest)

function numberOf(version: string): number {
  const [, major, minor] = /(\d+)\.(\d+)/.exec(version) ?? []
  return 1000 * Number(major) + Number(minor)
}
