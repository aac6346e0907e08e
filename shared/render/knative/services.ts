import { isDeployment, type Deployed } from './deployed.ts'
import { filled, filledBlock, filledKeys, type Manifest } from './helm.ts'
import { livenessProbe, readinessProbe } from './probes.ts'

/** What the container of a function is called. */
export const container = 'function'

const port = 8080
// What answers has an answer by then; what streams is a Deployment, and may go on.
const usualTimeout = 60

/**
 * What stands before a function would else now and then break off an answer to a request of which it has not yet seen the end: a refusal,
 * or a quick one (Go issue 40747).
 */
export const answersAtAnyTime = { 'features.knative.dev/http-full-duplex': 'Enabled' }

/** What runs a function: a Knative Service, or for what streams bytes a Deployment with a Service. */
export const services = (functions: readonly Deployed[]): Manifest[] =>
  functions.flatMap((fn) => (isDeployment(fn) ? deployment(fn) : [knativeService(fn)]))

/** A value of one function, or what it asked for itself: `.Values.functions.NAME.minScale`. */
const valueOf = ({ service }: Deployed, name: string, fallback: number): unknown =>
  filled(`include "knitfab.number" (list $ "${service}" "${name}" ${fallback})`)

const textOf = ({ service }: Deployed, name: string, fallback: number): unknown =>
  filled(`include "knitfab.value" (list $ "${service}" "${name}" ${fallback})`)

/** As an argument of a template; those of the chart for all hold where a function asks for none. */
const limitsOf = ({ deploy: { limits } }: Deployed): string =>
  limits
    ? ` (dict ${Object.entries(limits)
        .flat()
        .map((word) => `"${word}"`)
        .join(' ')})`
    : ''

/** What a Service of Knative asks for itself, each a value of the chart: 0 of what it leaves to others. */
export const askedBy = ({ deploy }: Deployed) => ({
  minScale: deploy.minScale ?? 0,
  maxScale: deploy.maxScale ?? 0,
  concurrency: deploy.concurrency ?? 0,
  timeout: deploy.timeout ?? usualTimeout,
})

function knativeService(fn: Deployed): Manifest {
  const { minScale, maxScale, concurrency, timeout } = askedBy(fn)
  return {
    apiVersion: 'serving.knative.dev/v1',
    kind: 'Service',
    metadata: metadata(fn, { 'networking.knative.dev/visibility': 'cluster-local' }),
    spec: {
      template: {
        metadata: {
          labels: labels(fn),
          annotations: {
            ...answersAtAnyTime,
            'autoscaling.knative.dev/min-scale': textOf(fn, 'minScale', minScale),
            ...filledKeys(
              `include "knitfab.maxScale" (list $ "${fn.service}" "maxScale" ${maxScale})`,
            ),
            ...filledKeys(`include "knitfab.zeroScale" (list $ "${fn.service}" ${minScale})`),
            ...filledKeys(annotationsOf(fn)),
          },
        },
        spec: {
          ...filledKeys(
            `include "knitfab.concurrency" (list $ "${fn.service}" "concurrency" ${concurrency})`,
          ),
          timeoutSeconds: valueOf(fn, 'timeout', timeout),
          ...podSpec(fn, 'knative'),
        },
      },
    },
  }
}

function deployment(fn: Deployed): Manifest[] {
  const selector = {
    'app.kubernetes.io/component': fn.service,
    'app.kubernetes.io/part-of': 'knit',
  }
  return [
    {
      apiVersion: 'apps/v1',
      kind: 'Deployment',
      metadata: metadata(fn),
      spec: {
        replicas: valueOf(fn, 'replicas', fn.deploy.minScale ?? 1),
        selector: { matchLabels: selector },
        template: {
          metadata: {
            labels: labels(fn),
            annotations: filledBlock(annotationsOf(fn)),
          },
          spec: {
            ...podSpec(fn, 'deployment'),
            ...filledKeys(`include "knitfab.grace" $`),
          },
        },
      },
    },
    {
      apiVersion: 'v1',
      kind: 'Service',
      metadata: {
        ...metadata(fn),
        ...(fn.service === 'gateway' && filledKeys('include "knitfab.gatewayAnnotations" $')),
      },
      spec: {
        selector,
        ...(fn.service === 'gateway'
          ? filledKeys('include "knitfab.gatewayPort" $')
          : { ports: [{ name: 'http', port: 80, targetPort: port }] }),
      },
    },
  ]
}

// Who sends requests learns a moment later than the Pod itself that it has to go: until then they are answered. Before Services of Knative
// stands what does the same.
const untilKnown = {
  preStop: { exec: { command: ['/usr/local/bin/node', '-e', 'setTimeout(() => {}, 3000)'] } },
}

function podSpec(fn: Deployed, form: 'knative' | 'deployment'): Record<string, unknown> {
  const probe = (path: string) => ({
    httpGet: {
      path,
      ...(form === 'deployment' && { port }),
      ...(fn.service === 'gateway' && filledKeys('include "knitfab.tlsProbe" $')),
    },
  })
  return {
    serviceAccountName: fn.service,
    // Knative lets a Service only do without; whether others have a token, their account says.
    ...(fn.uses.length === 0 && { automountServiceAccountToken: false }),
    enableServiceLinks: false,
    ...filledKeys(`include "knitfab.scheduling" (list $ "${fn.service}")`),
    ...(form === 'deployment' && {
      securityContext: filledBlock('include "knitfab.podSecurity" $'),
    }),
    containers: [
      {
        name: container,
        image: filled('include "knitfab.image" $'),
        ...filledKeys('include "knitfab.pullPolicy" $'),
        args: [fn.service],
        envFrom: [{ configMapRef: { name: 'knitfab-settings' } }],
        env: filledBlock(`include "knitfab.env" (list $ "${fn.service}")`),
        // Knative gives the one port there is this name.
        ports: [{ ...(form === 'deployment' && { name: 'user-port' }), containerPort: port }],
        readinessProbe: form === 'knative' ? probe('/readyz') : readinessProbe(probe('/readyz')),
        livenessProbe: livenessProbe(probe('/healthz')),
        ...(form === 'deployment' && { lifecycle: untilKnown }),
        ...filledKeys(`include "knitfab.resources" (list $ "${fn.service}"${limitsOf(fn)})`),
        securityContext: filledBlock('include "knitfab.containerSecurity" $'),
        ...(fn.service === 'gateway' && filledKeys('include "knitfab.tlsMount" $')),
      },
    ],
    ...(fn.service === 'gateway' && filledKeys('include "knitfab.tlsVolume" $')),
  }
}

const metadata = (fn: Deployed, more: Record<string, string> = {}) => ({
  name: fn.service,
  labels: { ...more, ...labels(fn) },
})

const annotationsOf = ({ service }: Deployed): string =>
  `include "knitfab.podAnnotations" (list $ "${service}")`

const labels = ({ service }: Deployed) =>
  filledKeys(`include "knitfab.functionLabels" (list $ "${service}")`)
