/** What every event of an ApiServerSource begins with: something happened to an object of the cluster. Nothing more in it is believed. */
export const workerChangePrefix = 'dev.knative.apiserver.'
