import { shellLine } from '#shared/domain/shell.ts'

/** Whether Kubernetes says that a ResourceQuota is used up. */
export const isOverQuota = (words: string): boolean => /exceeded quota/.test(words)

/** Whether the API server says that whoever asks has no right to it; others that refuse something do so for what it is. */
export const isWithoutRight = (words: string): boolean => /is forbidden: User "/.test(words)

const hasNoRoom = /nodes are available: .*Insufficient/s

/** Whether nothing is wrong but that others have what it needs, or that nobody has it yet. */
export const isQueued = (words: string): boolean => isOverQuota(words) || hasNoRoom.test(words)

type Remedy = { says: RegExp; next(plan?: string): string | undefined }

/** Advice with the names of an installation, which who gives it does not know: what helps is a line to copy. */
export const withNames = (
  advice: string,
  { release, namespace }: { release: string; namespace: string },
): string => advice.replaceAll('$RELEASE', release).replaceAll('$NAMESPACE', namespace)

/** What people can do about what Kubernetes says, of which it does not say it. What is no program of a plan is a claim or an agent. */
const remedies: readonly Remedy[] = [
  {
    // Before those of accounts that are not found: here that may be said of a Role.
    says: /forbidden: User "system:serviceaccount:/,
    next: () =>
      'an admin has to give that account its rights back: helm upgrade $RELEASE charts/knitfab --namespace $NAMESPACE --reset-then-reuse-values',
  },
  {
    says: /^Unauthorized$/,
    next: () =>
      'an admin has to end the Pods whose account is not known any more: kubectl --namespace $NAMESPACE delete pod --selector knitfab.dev/kind=function',
  },
  {
    says: /exceeded quota/,
    next: () => 'it goes on when others have ended, or when an admin raises the quota',
  },
  {
    says: /failed quota: .*must specify/,
    next: () =>
      'an admin has to give containers that name none a default, by a LimitRange in this namespace',
  },
  {
    says: hasNoRoom,
    next: (plan) =>
      plan && `it begins when a node has as much to give; to ask for less: ${askForLess(plan)}`,
  },
  {
    says: /nodes are available: .*(affinity|taint)/s,
    next: (plan) =>
      plan
        ? 'it begins when there is a node with the labels and taints that on_node of the plan names'
        : 'an admin has to see to the nodes, or to let it be on others by the value functions.agent of the chart',
  },
  {
    says: /usage per PersistentVolumeClaim/,
    next: () =>
      'an admin has to let a LimitRange allow that, or to say another size in the value volumes.size of the chart',
  },
  {
    says: /(maximum|minimum) \S+ usage per|limit to request ratio/,
    next: (plan) =>
      plan
        ? `an admin has set this in a LimitRange; to ask for another amount: ${askForLess(plan)}`
        : 'an admin has to let a LimitRange allow that, or to say other amounts in the value functions.agent.resources of the chart',
  },
  {
    says: /service ?account .* not found/i,
    next: () => 'an admin has to make that service account, or the plan to name another',
  },
  {
    says: /no PriorityClass with name/,
    next: (plan) =>
      `an admin has to make it, or to name another in the value ${plan ? 'workers.priorityClass' : 'functions.agent.priorityClassName'} of the chart`,
  },
  {
    says: /storageclass.* not found/,
    next: () =>
      'an admin has to make it, or to name another in the value volumes.storageClass of the chart',
  },
  {
    says: /violates PodSecurity/,
    next: () =>
      'an admin has to let programs be who their images say, by the label pod-security.kubernetes.io/enforce=baseline of this namespace, or to keep them from being root by the value workers.profile of the chart',
  },
  {
    says: /^Failed(Mount|AttachVolume)/,
    next: () => 'it begins when its volumes can be mounted: an admin looks after their storage',
  },
  {
    // What stands beside programs, and agents; others may have put something of their own there.
    says: /^\(container (log|check|agent)\) (ErrImagePull|ImagePullBackOff)/,
    next: () =>
      'that is our own image: an admin looks after the values image.repository and image.pullSecrets of the chart',
  },
  {
    says: /(ErrImagePull|ImagePullBackOff).*(timeout|timed out|deadline exceeded|connection refused|no route to host|network is unreachable)/is,
    next: () => 'its registry does not answer the nodes; it is tried again',
  },
]

const askForLess = (plan: string): string =>
  `${shellLine(['knit', 'plan', 'resource', plan, '--set', 'NAME=AMOUNT'])}, then stop and retry the run`

/** What Kubernetes says, and what to do about it where that is known; `plan` is whose program it is about. */
export function withRemedy(words: string, plan?: string): string {
  const next = remedies.find(({ says }) => says.test(words))?.next(plan)
  return next ? `${words}; ${next}` : words
}

/** What to do about an image that is not there, or not for us, by what its registry says. */
export function imageRemedy(complaint: string): string {
  if (/no match(ing)?\b.*(platform|manifest)/.test(complaint))
    return 'It is for other machines: build it for those of this cluster'
  if (/denied|unauthorized|forbidden|authenticat|authoriz|credentials/i.test(complaint))
    return 'Check its name; if its registry asks who one is, an admin names a secret for it in the value workers.imagePullSecrets of the chart'
  return 'Check its name and tag'
}

/** What to do about an image that is there, and of which no container will ever be made; undefined where that may still be. */
export function containerRemedy(complaint: string): string | undefined {
  if (/has runAsNonRoot and image/.test(complaint))
    return 'Programs may not be root here (workers.profile of the chart): give the image a USER that is a number other than 0'
  if (/no command specified/i.test(complaint))
    return 'It has no command of its own: give the plan an entrypoint'
  return undefined
}
