/** What every event of an ApiServerSource begins with: something happened to an object of the cluster. Nothing more in it is believed. */
export const workerChangePrefix = 'dev.knative.apiserver.'

/** The worker whose Job, or Pod, the subject of such an event names; undefined when it is of none of ours. */
export const changedWorker = (subject: string): string | undefined =>
  /\/(?:jobs|pods)\/(worker-run-[0-9a-f-]{36}-\d{1,9})(?:-[a-z0-9]{5})?$/.exec(subject)?.[1]
