import type { V1PodSpec } from '@kubernetes/client-node'
import { agentPod } from '#shared/adapters/kubernetes-cluster/agent-pod.ts'
import { jobOf } from '#shared/adapters/kubernetes-cluster/job.ts'
import type { ClusterSettings } from '#shared/adapters/kubernetes-cluster/settings.ts'
import { workerThat } from '#tests/support/worker-spec.ts'

export const clusterSettings: ClusterSettings = {
  namespace: 'there',
  image: 'registry.test/knitfab:1',
  volumes: { layout: 'per-data', storageClass: '', accessMode: 'ReadWriteMany', size: '1Gi' },
  workers: {
    priorityClass: '',
    serviceAccounts: [],
    pullSecrets: [],
    grace: 30,
    podGrace: 600,
    profile: 'baseline',
  },
  agents: {},
  signingKey: 'k'.repeat(32),
}

/** What functions make, as far as Pod Security is asked: a program with inputs, outputs and a log, and an agent. */
export const madePods = (settings = clusterSettings): Record<string, V1PodSpec | undefined> => ({
  program: jobOf(
    workerThat({
      name: 'worker-run-1',
      image: 'registry.test/theirs:1',
      inputs: [{ volume: 'data-knitid-1', path: '/in' }],
      outputs: [{ volume: 'data-knitid-2', path: '/out' }],
      logVolume: 'data-knitid-3',
    }),
    settings,
  ).spec?.template.spec,
  agent: agentPod({ name: 'data-knitid-1', uid: 'u' }, 'rw', settings).spec,
})
