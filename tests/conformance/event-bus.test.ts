import { HTTP, type CloudEventV1, type Message } from 'cloudevents'
import { afterAll, beforeAll, describe, expect, test } from 'vitest'
import { fromCloudEvent } from '#shared/adapters/cloud-event.ts'
import { fromDeadLetter } from '#shared/adapters/dead-letter.ts'
import { inProcessBus } from '#shared/adapters/in-process-bus.ts'
import type { EventBus, EventMessage, KnitEvent } from '#shared/ports/event-bus.ts'
import type { Log } from '#shared/ports/log.ts'
import { deadLetterStep, stepsFor, triggers, type EventStep } from '#shared/workflow/triggers.ts'
import { openBroker } from '#tests/support/knative-broker.ts'
import { isClusterSuite } from '#tests/support/kubernetes.ts'
import { until } from '#tests/support/until.ts'

const signer = { release: 'mine', signingKey: 'a key for tests that is long enough to be one' }
const tries = 4

/** What is at the end of the bus: the steps, and the place for what no delivery helped. */
type Receivers = {
  serve(step: EventStep, message: EventMessage): Promise<Response>
  giveUp(step: EventStep, event: KnitEvent, cause: string): Promise<void>
  concurrency?(step: EventStep): number
}

/** A bus that delivers `tries` times, with hardly a pause. */
type Opened = { bus: EventBus; settled(): Promise<void>; close(): Promise<void> }
type Open = (receivers: Receivers) => Opened

type Adapter = {
  name: string
  /** Whether it calls steps itself: then it can be closed, and holds back what would be too much at a time. */
  callsSteps: boolean
  /** How many events are a load to it. */
  load: number
  /** Makes what all tests share. */
  prepare(): Promise<{ open: Open; remove(): Promise<void> }>
}

const inProcess: Adapter = {
  name: 'in-process',
  callsSteps: true,
  load: 2000,
  prepare: async () => ({
    open: ({ serve, giveUp, concurrency = () => 2 }) => {
      const bus = inProcessBus({
        signer,
        log: quiet,
        deliver: serve,
        giveUp,
        concurrency,
        tries,
        pause: 1,
      })
      return { bus, settled: () => bus.idle(), close: () => bus.close() }
    },
    remove: async () => {},
  }),
}

/** What functions publish, a Broker delivers by the Triggers of the chart. */
const knative: Adapter = {
  name: 'Knative',
  callsSteps: false,
  load: 300,
  async prepare() {
    const broker = await openBroker(tries)
    return { open: (receivers) => openKnative(broker, receivers), remove: () => broker.remove() }
  },
}

function openKnative(broker: Awaited<ReturnType<typeof openBroker>>, receivers: Receivers): Opened {
  const due: string[] = []
  const settle = (step: string, id: string) => {
    const place = due.indexOf(`${step} ${id}`)
    if (place >= 0) due.splice(place, 1)
  }
  broker.receive = async (service, message) => {
    const event = eventIn(message)
    const step = service.replace(/^step-/, '')
    if (step === deadLetterStep) {
      const letter = fromDeadLetter(event, signer)
      for (const step of letter.steps) {
        await receivers.giveUp(step, letter.event, letter.cause)
        settle(step, event.id)
      }
      return accepted()
    }
    const answer = await receivers.serve(step as EventStep, message as EventMessage)
    if (answer.ok) settle(step, event.id)
    return answer
  }
  const bus = broker.bus(signer)
  return {
    bus: {
      async publish(events) {
        due.push(...events.flatMap(({ name, id }) => stepsFor(name).map((step) => `${step} ${id}`)))
        await bus.publish(events)
      },
    },
    settled: async () => void (await until(() => due.length === 0)),
    close: async () => {},
  }
}

function eventIn(message: Message): CloudEventV1<unknown> {
  const [event] = [HTTP.toEvent(message)].flat()
  if (!event) throw new Error('an empty batch arrived')
  return event as CloudEventV1<unknown>
}

/** Every adapter of the port keeps the same promises. */
const adapters: Adapter[] = isClusterSuite() ? [knative] : [inProcess]

const quiet: Log = {
  debug: () => {},
  info: () => {},
  warn: () => {},
  error: () => {},
  child: () => quiet,
}

const id = (number: number): string => `00000000-0000-7000-8000-${String(number).padStart(12, '0')}`

const ready = (number: number): KnitEvent => ({
  id: `e${number}`,
  name: 'run.ready',
  subject: id(number),
  data: { runId: id(number), attempt: 1 },
  time: new Date('2026-01-02T03:04:05.678Z'),
  traceparent: '00-0af7651916cd43dd8448eb211c80319c-b7ad6b7169203331-01',
})

const worker = `worker-run-${id(1)}-1`
const changed: KnitEvent = { ...ready(1), name: 'worker.changed', data: { worker } }
const accepted = (): Response => new Response(null, { status: 202 })

describe.each(adapters)('the $name bus', ({ prepare, callsSteps, load }) => {
  let open: Open
  let remove = async () => {}
  beforeAll(async () => {
    ;({ open, remove } = await prepare())
  })
  afterAll(() => remove())

  /** Steps that answer as `answer` says; what they were given, and what was given up. */
  async function withBus(
    answer: (step: EventStep, event: KnitEvent, tried: number) => Response | Promise<Response>,
    use: (bus: EventBus, seen: Seen) => Promise<void>,
    concurrency?: () => number,
  ): Promise<void> {
    const seen: Seen = { served: [], dead: [], settled: async () => {} }
    const { bus, settled, close } = open({
      serve: async (step, message) => {
        const event = fromCloudEvent(eventIn(message), signer)
        const tried = seen.served.filter((one) => one.step === step && one.event.id === event.id)
        seen.served.push({ step, event })
        return answer(step, event, tried.length)
      },
      giveUp: async (step, event, cause) => void seen.dead.push({ step, id: event.id, cause }),
      concurrency,
    })
    seen.settled = settled
    try {
      await use(bus, seen)
    } finally {
      await close()
    }
  }

  type Seen = {
    served: { step: EventStep; event: KnitEvent }[]
    dead: { step: EventStep; id: string; cause: string }[]
    settled(): Promise<void>
  }

  test('takes an event to every step that answers it, and to no other', async () => {
    await withBus(accepted, async (bus, seen) => {
      await bus.publish([ready(1), changed])
      await seen.settled()
      expect(seen.served.map(({ step, event }) => `${event.name} ${step}`).toSorted()).toEqual([
        'run.ready start-run',
        'worker.changed finish-run',
        'worker.changed observe-worker',
      ])
    })
  })

  test('takes every event of the trigger table where the table says', async () => {
    await withBus(accepted, async (bus, seen) => {
      const names = [...new Set(Object.values(triggers).flat())]
      const all = { runId: id(1), planId: id(2), knitId: id(3), worker, attempt: 1 }
      await bus.publish(names.map((name) => ({ ...ready(1), id: name, name, data: all })))
      await seen.settled()
      for (const name of names) {
        const steps = seen.served.filter(({ event }) => event.name === name).map(({ step }) => step)
        expect(steps.toSorted()).toEqual(stepsFor(name).toSorted())
      }
    })
  })

  test('passes id, subject, time, data, trace context and signature on', async () => {
    await withBus(accepted, async (bus, seen) => {
      await bus.publish([ready(1)])
      await seen.settled()
      expect(seen.served).toEqual([{ step: 'start-run', event: ready(1) }])
    })
  })

  test('drops an event that nobody answers', async () => {
    await withBus(accepted, async (bus, seen) => {
      await bus.publish([{ ...ready(1), name: 'run.running' }])
      await seen.settled()
      expect(seen).toMatchObject({ served: [], dead: [] })
    })
  })

  test.for([500, 503, 404, 408, 409, 429])(
    'delivers again what was answered with %i, until it is served',
    async (status) => {
      const answer = (_step: EventStep, _event: KnitEvent, tried: number) =>
        tried < tries - 1 ? new Response('not yet', { status }) : accepted()
      await withBus(answer, async (bus, seen) => {
        await bus.publish([ready(1)])
        await seen.settled()
        expect(seen.served).toHaveLength(tries)
        expect(seen.dead).toEqual([])
      })
    },
  )

  test('delivers again when the step breaks off', async () => {
    const answer = (_step: EventStep, _event: KnitEvent, tried: number) => {
      if (tried === 0) throw new Error('connection reset')
      return accepted()
    }
    await withBus(answer, async (bus, seen) => {
      await bus.publish([ready(1)])
      await seen.settled()
      expect(seen.served).toHaveLength(2)
      expect(seen.dead).toEqual([])
    })
  })

  test('gives an event that keeps failing to the dead letters, once, with the last cause', async () => {
    const answer = (_step: EventStep, _event: KnitEvent, tried: number) =>
      new Response(`no ${tried}`, { status: 500 })
    await withBus(answer, async (bus, seen) => {
      await bus.publish([ready(1)])
      await seen.settled()
      expect(seen.served).toHaveLength(tries)
      const cause = expect.stringMatching(`\\bno ${tries - 1}$`)
      expect(seen.dead).toEqual([{ step: 'start-run', id: 'e1', cause }])
    })
  })

  test.for([400, 401, 403, 413, 422])(
    'gives an event that was answered with %i to the dead letters at once',
    async (status) => {
      await withBus(
        () => new Response('never', { status }),
        async (bus, seen) => {
          await bus.publish([ready(1)])
          await seen.settled()
          expect(seen.served).toHaveLength(1)
          const cause = expect.stringMatching(/\bnever$/)
          expect(seen.dead).toEqual([{ step: 'start-run', id: 'e1', cause }])
        },
      )
    },
  )

  test('a step that fails fails alone: the others that answer the event are served', async () => {
    const answer = (step: EventStep) =>
      step === 'finish-run' ? new Response('no', { status: 500 }) : accepted()
    await withBus(answer, async (bus, seen) => {
      await bus.publish([changed, ready(2)])
      await seen.settled()
      expect(seen.dead.map(({ step }) => step)).toEqual(['finish-run'])
      const count = (step: EventStep) => seen.served.filter((one) => one.step === step).length
      expect([count('observe-worker'), count('start-run'), count('finish-run')]).toEqual([
        1,
        1,
        tries,
      ])
    })
  })

  test('a step that hangs holds no other step, and no publisher', async () => {
    const hanging = Promise.withResolvers<void>()
    const answer = async (step: EventStep) => {
      if (step === 'observe-worker') await hanging.promise
      return accepted()
    }
    await withBus(answer, async (bus, seen) => {
      await bus.publish([changed])
      await bus.publish([ready(2)])
      await until(() => seen.served.some(({ step }) => step === 'start-run'))
      await until(() => seen.served.some(({ step }) => step === 'finish-run'))
      hanging.resolve()
      await seen.settled()
    })
  })

  test('loses nothing under load, though a third of all deliveries fails', async () => {
    const served = new Set<string>()
    const answer = (_step: EventStep, event: KnitEvent, tried: number) => {
      if (tried === 0 && Number(event.id.slice(1)) % 3 === 0)
        return new Response('busy', { status: 503 })
      served.add(event.subject)
      return accepted()
    }
    await withBus(answer, async (bus, seen) => {
      for (let sent = 0; sent < load; sent += 100)
        await bus.publish(Array.from({ length: 100 }, (_, index) => ready(sent + index)))
      await seen.settled()
      expect(served.size).toBe(load)
      expect(seen.dead).toEqual([])
    })
  })

  test('what is told of something while that is being served is served after it', async () => {
    const first = Promise.withResolvers<void>()
    const answer = async (_step: EventStep, event: KnitEvent) => {
      if (event.id === 'e1') await first.promise
      return accepted()
    }
    await withBus(answer, async (bus, seen) => {
      await bus.publish([ready(1)])
      await until(() => seen.served.length === 1)
      await bus.publish([{ ...ready(1), id: 'later' }])
      first.resolve()
      await seen.settled()
      expect(seen.served.map(({ event }) => event.id)).toEqual(['e1', 'later'])
    })
  })

  if (callsSteps) {
    test('never serves too many at a time', async () => {
      let now = 0
      let most = 0
      const answer = async () => {
        now += 1
        most = Math.max(most, now)
        await Promise.resolve()
        now -= 1
        return accepted()
      }
      const use = async (bus: EventBus, seen: Seen) => {
        await bus.publish(Array.from({ length: 100 }, (_, index) => ready(index)))
        await seen.settled()
      }
      await withBus(answer, use, () => 8)
      expect(most).toBe(8)
    })

    test('a bus that is closed takes nothing, and says so', async () => {
      const { bus, close } = open({ serve: async () => accepted(), giveUp: async () => {} })
      await close()
      await expect(bus.publish([ready(1)])).rejects.toThrow(/closed/)
    })

    test('closing waits for what is being served', async () => {
      const serving = Promise.withResolvers<void>()
      let served = false
      let started = false
      const { bus, close } = open({
        serve: async () => {
          started = true
          await serving.promise
          served = true
          return accepted()
        },
        giveUp: async () => {},
      })
      await bus.publish([ready(1)])
      await until(() => started)
      const closed = close()
      serving.resolve()
      await closed
      expect(served).toBe(true)
    })
  }
})
