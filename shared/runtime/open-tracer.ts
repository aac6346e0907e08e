import type { Log } from '#shared/ports/log.ts'
import type { SpanSink, Tracer } from '#shared/ports/tracer.ts'
import manifest from '../../package.json' with { type: 'json' }
import { BadSettings } from './config.ts'
import { createTracer } from './tracer.ts'

type Environment = Record<string, string | undefined>

/** The variables of OpenTelemetry that say where traces are sent; with neither none are. */
const places = ['OTEL_EXPORTER_OTLP_TRACES_ENDPOINT', 'OTEL_EXPORTER_OTLP_ENDPOINT'] as const

/**
 * A tracer as the variables of OpenTelemetry say. What sends spans is loaded only where they name a place for them. Throws
 * `BadSettings` for a place or a share that is none.
 */
export function openTracer(
  env: Environment,
  { name, release }: { name: string; release: string },
  log: Log,
): Tracer {
  if (!isWanted(env)) return createTracer()
  const service = {
    'service.name': name,
    'service.namespace': release,
    'service.version': manifest.version,
  }
  return createTracer(
    loadedLater(async () => {
      const { otlpSink } = await import('#shared/adapters/otlp-sink.ts')
      return otlpSink(service, log)
    }, log),
    shareOf(env),
  )
}

function isWanted(env: Environment): boolean {
  const given = places.filter((name) => env[name])
  const bad = given.find(
    (name) => !/^https?:/.test(env[name] ?? '') || !URL.canParse(env[name] ?? ''),
  )
  if (bad)
    throw new BadSettings(`The settings are not as they should be:\n  ${bad}: expected an http URL`)
  return given.length > 0 && env['OTEL_SDK_DISABLED']?.toLowerCase() !== 'true'
}

/** Of the traces that begin here, how many are recorded: `OTEL_TRACES_SAMPLER`, as far as it goes by the caller first. */
function shareOf(env: Environment): number {
  const sampler = env['OTEL_TRACES_SAMPLER'] || 'parentbased_always_on'
  const shares: Record<string, number> = {
    parentbased_always_on: 1,
    parentbased_always_off: 0,
    parentbased_traceidratio: Number(env['OTEL_TRACES_SAMPLER_ARG'] || 1),
  }
  const share = shares[sampler] ?? Number.NaN
  if (share >= 0 && share <= 1) return share
  throw new BadSettings(
    `The settings are not as they should be:\n  OTEL_TRACES_SAMPLER: expected ${Object.keys(shares).join(', ')}, with an OTEL_TRACES_SAMPLER_ARG between 0 and 1`,
  )
}

/** What is taken before it is there waits for it. */
function loadedLater(load: () => Promise<SpanSink>, log: Log): SpanSink {
  const sink = load().catch((error: unknown) => {
    log.warn('nothing is traced: what sends traces could not be loaded', { error })
  })
  return {
    take: (span) => void sink.then((there) => there?.take(span)),
    close: async () => (await sink)?.close(),
  }
}
