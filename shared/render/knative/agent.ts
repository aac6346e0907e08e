import { agentPath, agentPort } from '#shared/adapters/kubernetes-cluster/agent-variables.ts'
import { sharedAgent, sharedClaim } from '#shared/adapters/kubernetes-cluster/mounts.ts'
import {
  restricted,
  restrictedPod,
  volumeFor,
} from '#shared/adapters/kubernetes-cluster/pod-parts.ts'
import { filled, filledBlock, filledKeys, type Manifest } from './helm.ts'
import { isShared } from './layout.ts'
import { livenessProbe, readinessProbe } from './probes.ts'

const labels = filledKeys(`include "knitfab.labels" (list $ "${sharedAgent}")`)
const selector = {
  'app.kubernetes.io/component': sharedAgent,
  'app.kubernetes.io/part-of': 'knit',
}
const metadata = { name: sharedAgent, labels }
const health = { httpGet: { path: '/healthz', port: agentPort } }

/** What has all Data mounted, in the layout with one claim for all: it makes, fills, reads and deletes a directory for each. */
export const agent = (): Manifest[] => [
  {
    when: isShared,
    apiVersion: 'apps/v1',
    kind: 'Deployment',
    metadata,
    spec: {
      replicas: 1,
      // Two would remove the same, each of it a part.
      strategy: { type: 'Recreate' },
      selector: { matchLabels: selector },
      template: {
        metadata: { labels, ...filledKeys('include "knitfab.agentAnnotations" $') },
        spec: pod(),
      },
    },
  },
  {
    when: isShared,
    apiVersion: 'v1',
    kind: 'Service',
    metadata,
    spec: { selector, ports: [{ name: 'http', port: 80, targetPort: agentPort }] },
  },
]

const pod = (): Record<string, unknown> => ({
  serviceAccountName: sharedAgent,
  automountServiceAccountToken: false,
  enableServiceLinks: false,
  ...filledKeys(`include "knitfab.scheduling" (list $ "${sharedAgent}")`),
  ...filledKeys('include "knitfab.grace" $'),
  securityContext: restrictedPod.securityContext,
  containers: [
    {
      name: 'agent',
      image: filled('include "knitfab.image" $'),
      ...filledKeys('include "knitfab.pullPolicy" $'),
      args: ['job-agent'],
      env: filledBlock(
        'include "knitfab.secretVariable" (list $ "signing-key" "KNIT_SIGNING_KEY")',
      ),
      ports: [{ containerPort: agentPort }],
      readinessProbe: readinessProbe(health),
      livenessProbe: livenessProbe(health),
      ...filledKeys(`include "knitfab.resources" (list $ "${sharedAgent}")`),
      securityContext: restricted,
      volumeMounts: [{ name: sharedClaim, mountPath: agentPath }],
    },
  ],
  volumes: [volumeFor(sharedClaim)],
})
