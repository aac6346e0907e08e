import type { V1Pod } from '@kubernetes/client-node'
import { dataOfVolume } from '#shared/domain/worker-spec.ts'
import { publicKeyFrom } from './agent-identity.ts'
import { agentFolders, agentPort, agentVariables } from './agent-variables.ts'
import { labelsFor } from './labels.ts'
import { ownProgram, restrictedPod, secretsFor, variablesOf, volumeFor } from './pod-parts.ts'
import type { ClusterSettings } from './settings.ts'

/** Whether an agent may write. */
export type Mode = 'ro' | 'rw'

// Seconds: for as long it is likely to be called again, as for a log and then what else a run has made.
const usualIdle = 60

export const agentName = (volume: string, mode: Mode): string => `agent-${volume}-${mode}`

/** What tells the agents of a volume from all others. */
export const aboutAgents = (volume: string) => ({ knitid: dataOfVolume(volume) ?? volume })

/** A Pod with a volume, that takes and gives its bytes. It goes with the claim it is for. */
export function agentPod(
  { name: volume, uid }: { name: string; uid: string },
  mode: Mode,
  { image, signingKey, workers, agents }: ClusterSettings,
): V1Pod {
  const { resources, idle = usualIdle, ...placement } = agents
  const name = agentName(volume, mode)
  const claim = { apiVersion: 'v1', kind: 'PersistentVolumeClaim', name: volume, uid }
  return {
    apiVersion: 'v1',
    kind: 'Pod',
    metadata: {
      name,
      labels: labelsFor('dataagt', name, { ...aboutAgents(volume), mode }),
      ownerReferences: [claim],
    },
    spec: {
      ...restrictedPod,
      ...placement,
      ...secretsFor(workers.pullSecrets),
      containers: [
        {
          name: 'agent',
          ...ownProgram(image, 'agent'),
          ...(resources && { resources }),
          ...variablesOf({
            [agentVariables.key]: publicKeyFrom(signingKey),
            [agentVariables.idle]: `${idle}`,
          }),
          ports: [{ containerPort: agentPort }],
          volumeMounts: [
            {
              name: volume,
              mountPath: `${agentFolders.volumes}/${volume}`,
              readOnly: mode === 'ro',
            },
          ],
        },
      ],
      volumes: [volumeFor(volume)],
    },
  }
}
