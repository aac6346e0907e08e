import { ask, askIfThere, type Api } from './api.ts'

const ours = 'app.kubernetes.io/part-of=knit'
const made = `${ours},app.kubernetes.io/managed-by=knit`

/** Whether functions are there, or will be: then all that they have made is theirs. `settings` is the ConfigMap they read. */
export const isServed = async (
  { core }: Api,
  { namespace, settings }: { namespace: string; settings: string },
): Promise<boolean> =>
  (await askIfThere(
    `the settings of the release in ${namespace} cannot be looked up`,
    core.readNamespacedConfigMap({ namespace, name: settings }),
  )) !== undefined

/** Ends all programs, which are given the grace in seconds, and all agents. For when nobody serves them any more. */
export async function endWork(
  { core, batch }: Api,
  { namespace, grace }: { namespace: string; grace: number },
): Promise<void> {
  const all = { namespace, labelSelector: made }
  // Before their Jobs, which would give them their own grace: a kubelet that has begun with one keeps to it.
  await ask(
    'the Pods of programs and agents cannot be deleted',
    core.deleteCollectionNamespacedPod({ ...all, gracePeriodSeconds: grace }),
  )
  await ask(
    'the Jobs of programs cannot be deleted',
    batch.deleteCollectionNamespacedJob({ ...all, propagationPolicy: 'Background' }),
  )
}

/** Deletes every claim of ours, of Data as of the database. */
export async function deleteData({ core }: Api, namespace: string): Promise<void> {
  await ask(
    'the claims of Data cannot be deleted',
    core.deleteCollectionNamespacedPersistentVolumeClaim({ namespace, labelSelector: ours }),
  )
}
