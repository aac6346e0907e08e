type Asked = { httpGet: Record<string, unknown> }

/** On a node with much to do an answer may take its time; nobody is the better for a restart. */
const patience = { timeoutSeconds: 5 }

export const livenessProbe = (asked: Asked) => ({ ...asked, ...patience, failureThreshold: 6 })

/** For what the kubelet looks after; Knative asks in its own way, and takes no time-out for it. */
export const readinessProbe = (asked: Asked) => ({ ...asked, ...patience })
