import { KubeConfig } from '@kubernetes/client-node'
import { existsSync } from 'node:fs'

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
