import type { Rule } from '#shared/adapters/kubernetes-cluster/rights.ts'

/** Where Data is, as the chart has it. */
export type Layout = 'per-data' | 'shared'

const inEach = {
  'knit-worker': 'pods/log get',
  'step-observe-worker': 'batch/jobs get patch; events list; pods list',
  'step-start-run': 'batch/jobs create get patch; events list; pods list',
  'step-sweep': 'batch/jobs delete get list; pods delete list',
  'worker-events': 'batch/jobs get list watch; pods get list watch',
}

/**
 * What each account may ask of the API server, in its namespace; of others, nothing. Written by hand and derived from nothing, so
 * that a right is given here, where it is read, or not at all.
 */
export const accountRights: Record<Layout, Record<string, string>> = {
  'per-data': {
    ...inEach,
    'api-admin-check': 'batch/jobs list; persistentvolumeclaims list',
    'api-data-cat': 'events list; persistentvolumeclaims get; pods create delete get',
    'api-data-ls': 'events list; persistentvolumeclaims get; pods create delete get',
    'api-data-pull': 'events list; persistentvolumeclaims get; pods create delete get',
    'api-data-push': 'events list; persistentvolumeclaims create get; pods create delete get',
    'api-imports-end': 'persistentvolumeclaims get patch',
    'api-runs-log':
      'batch/jobs get; events list; persistentvolumeclaims get; pods create delete get list; pods/log get',
    'step-clean-up': 'persistentvolumeclaims list; pods delete list',
    'step-collect-garbage': 'persistentvolumeclaims delete get; pods delete list',
    'step-finish-run':
      'batch/jobs delete get; events list; persistentvolumeclaims get; pods create delete get list',
    'step-initialize-run': 'persistentvolumeclaims create get',
  },
  shared: {
    ...inEach,
    'api-admin-check': 'batch/jobs list',
    'api-runs-log': 'batch/jobs get; pods list; pods/log get',
    'step-finish-run': 'batch/jobs delete get; events list; pods delete list',
  },
}

/** The same as rules of a Role. */
export const rulesOf = (layout: Layout): [account: string, rules: Rule[]][] =>
  Object.entries(accountRights[layout]).map(([account, words]) => [
    account,
    words.split('; ').map(ruleOf),
  ])

function ruleOf(words: string): Rule {
  const [what = '', ...verbs] = words.split(' ')
  const ofJobs = what.startsWith('batch/')
  return { group: ofJobs ? 'batch' : '', resources: [what.replace('batch/', '')], verbs }
}
