import * as fc from 'fast-check'
import { expect, test } from 'vitest'
import { AnnotationText, formatAnnotation } from '#shared/domain/annotation.ts'
import { TagChange } from '#shared/domain/data.ts'
import { formatImage, parseImage, parseImageQuery } from '#shared/domain/image.ts'
import { isId } from '#shared/domain/ids.ts'
import { Invalid } from '#shared/domain/invalid.ts'
import { checkedPath, checkOverlap } from '#shared/domain/mountpoint.ts'
import { checkedOnNode, formatLabel, LabelText } from '#shared/domain/on-node.ts'
import { canonicalPlan, definePlan, PlanSpec } from '#shared/domain/plan.ts'
import { canonicalQuantity, Quantity, quantityAmount } from '#shared/domain/quantity.ts'
import {
  checkTagLimits,
  compareBytes,
  formatTag,
  parseTag,
  readTagQuery,
  sortTags,
  TagIn,
  type Tag,
} from '#shared/domain/tag.ts'
import { formatTime, parseDuration, parseTime } from '#shared/domain/time.ts'
import { runOfWorker, workerOf } from '#shared/domain/worker-spec.ts'

/** Any text at all, and such as are nearly right. */
const text = fc.oneof(
  fc.string({ unit: 'binary', maxLength: 40 }),
  fc.string({ unit: 'grapheme', maxLength: 40 }),
  fc.string({ unit: fc.constantFrom(...'knit#:=/.-_0159eEKiGm+TZ \0\ud800@h'), maxLength: 40 }),
  fc.constantFrom('__proto__', 'constructor', 'toString', 'knit#timestamp:', 'knit#id:', '1e99999'),
)

/** What a parser makes of a text; undefined when it refuses it. Throws what is not `Invalid`. */
function tried<T>(parse: () => T): T | undefined {
  try {
    return parse()
  } catch (error) {
    if (error instanceof Invalid) return undefined
    throw error
  }
}

const limits = { maxTags: 5, maxTagBytes: 50, maxInputs: 3, maxOutputs: 3 }

test('no parser throws anything but Invalid, whatever it is given', () => {
  fc.assert(
    fc.property(text, (given) => {
      tried(() => parseTag(given))
      tried(() => parseImage(given))
      tried(() => parseImageQuery(given))
      tried(() => checkedPath(given))
      tried(() => canonicalQuantity(given))
      tried(() => quantityAmount(given))
      parseTime(given)
      parseDuration(given)
      isId(given)
      runOfWorker(given)
      for (const schema of [TagIn, AnnotationText, LabelText, Quantity]) schema.safeParse(given)
    }),
    { numRuns: 1000 },
  )
})

test('schemas answer and throw nothing, whatever JSON they are given', () => {
  const json = fc.jsonValue({ maxDepth: 4 })
  const spec = fc.record(
    {
      image: fc.oneof(text, json),
      inputs: fc.oneof(
        json,
        fc.array(fc.record({ path: text, tags: fc.array(fc.oneof(text, json)) })),
      ),
      outputs: fc.oneof(json, fc.array(fc.record({ path: text, tags: fc.array(text) }))),
      log: fc.oneof(json, fc.record({ tags: fc.array(text) })),
      on_node: fc.oneof(json, fc.record({ must: fc.array(text) })),
      resources: fc.oneof(json, fc.dictionary(text, fc.oneof(text, fc.double()))),
      annotations: fc.oneof(json, fc.array(text)),
      service_account: fc.oneof(json, text),
    },
    { requiredKeys: [] },
  )
  fc.assert(
    fc.property(fc.oneof(json, spec), (given) => {
      TagIn.safeParse(given)
      TagChange.safeParse(given)
      const parsed = PlanSpec.safeParse(given)
      if (parsed.success) tried(() => definePlan(parsed.data, limits))
    }),
    { numRuns: 1000 },
  )
})

const part = fc
  .string({ unit: 'grapheme', maxLength: 20 })
  .filter((value) => value === value.trim() && value.isWellFormed() && !value.includes('\0'))
const tag: fc.Arbitrary<Tag> = fc.record({
  key: part.filter((key) => !key.includes(':') && !key.startsWith('knit#')),
  value: part,
})

test('a tag that is written is read again', () => {
  fc.assert(
    fc.property(tag, (one) => {
      expect(parseTag(formatTag(one))).toEqual(one)
    }),
  )
})

test('the order in which tags are given is nothing, and sorting twice is sorting once', () => {
  fc.assert(
    fc.property(fc.array(tag), fc.array(tag), (some, more) => {
      const sorted = sortTags([...some, ...more])
      expect(sortTags([...more, ...some, ...sorted])).toEqual(sorted)
      for (const [index, one] of sorted.entries()) {
        const next = sorted[index + 1]
        if (next) expect(compareBytes(one.key, next.key)).toBeLessThanOrEqual(0)
      }
      expect(readTagQuery(sorted).user).toEqual(sorted)
      tried(() => checkTagLimits(sorted, limits))
    }),
  )
})

test('an annotation, and a label, that is written is read again', () => {
  const pair = fc.record({ key: part.filter((key) => !key.includes('=')), value: part })
  fc.assert(
    fc.property(pair, (one) => {
      expect(AnnotationText.parse(formatAnnotation(one))).toEqual(one)
      expect(LabelText.parse(formatLabel(one))).toEqual(one)
    }),
  )
})

test('labels that were checked pass again unchanged', () => {
  fc.assert(
    fc.property(fc.array(fc.record({ key: text, value: text })), (labels) => {
      const checked = tried(() => checkedOnNode({ may: labels }))
      if (checked) expect(checkedOnNode(checked)).toEqual(checked)
    }),
  )
})

test('a time that is shown is read again as the same instant', () => {
  const time = fc.date({
    min: new Date('0001-01-01T00:00:00Z'),
    max: new Date('9999-12-31T23:59:59.999Z'),
    noInvalidDate: true,
  })
  fc.assert(
    fc.property(time, (instant) => {
      expect(parseTime(formatTime(instant))).toEqual(instant)
      expect(formatTime(instant)).toMatch(
        /^\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d(\.\d{0,2}[1-9])?\+00:00$/,
      )
    }),
  )
})

test('a time is the same instant whatever its offset', () => {
  const minutes = fc.integer({ min: -23 * 60 - 59, max: 23 * 60 + 59 })
  const time = fc.date({
    min: new Date('1900-01-01'),
    max: new Date('2100-01-01'),
    noInvalidDate: true,
  })
  const two = (value: number) => String(value).padStart(2, '0')
  fc.assert(
    fc.property(time, minutes, (instant, offset) => {
      const local = new Date(instant.getTime() + offset * 60_000).toISOString().slice(0, -1)
      const size = Math.abs(offset)
      const zone = `${offset < 0 ? '-' : '+'}${two(Math.floor(size / 60))}:${two(size % 60)}`
      expect(parseTime(`${local}${zone}`)).toEqual(instant)
    }),
  )
})

test('a duration is the sum of its parts', () => {
  const units = { ns: 1e-6, us: 1e-3, ms: 1, s: 1000, m: 60_000, h: 3_600_000 }
  const piece = fc.tuple(
    fc.integer({ min: 0, max: 9999 }),
    fc.constantFrom(...(Object.keys(units) as (keyof typeof units)[])),
  )
  fc.assert(
    fc.property(
      fc.array(piece, { minLength: 1, maxLength: 6 }),
      fc.constantFrom('', '+', '-'),
      (pieces, sign) => {
        const written = pieces.map(([count, unit]) => `${count}${unit}`).join('')
        const sum = pieces.reduce((total, [count, unit]) => total + count * units[unit], 0)
        expect(parseDuration(`${sign}${written}`)).toBeCloseTo(sign === '-' ? -sum : sum, 6)
      },
    ),
  )
})

const quantity = fc
  .tuple(
    fc.constantFrom('', '-', '+'),
    fc.bigInt({ min: 0n, max: 10n ** 25n }),
    fc.option(fc.nat(999_999_999_999)),
    fc.oneof(
      fc.constantFrom(
        'n',
        'u',
        'm',
        '',
        'k',
        'M',
        'G',
        'T',
        'P',
        'E',
        'Ki',
        'Mi',
        'Gi',
        'Ti',
        'Pi',
        'Ei',
      ),
      fc.integer({ min: -99, max: 99 }).map((exponent) => `e${exponent}`),
    ),
  )
  .map(
    ([sign, whole, fraction, suffix]) =>
      `${sign}${whole}${fraction === null ? '' : `.${fraction}`}${suffix}`,
  )

test('a canonical quantity is a quantity, canonical, and of the same amount', () => {
  fc.assert(
    fc.property(quantity, (given) => {
      const canonical = canonicalQuantity(given)
      expect(canonicalQuantity(canonical)).toBe(canonical)
      expect(quantityAmount(canonical)).toBe(quantityAmount(given))
      expect(canonical).not.toMatch(/\./)
      expect(Quantity.parse(canonical)).toBe(canonical)
    }),
    { numRuns: 1000 },
  )
})

test('a number is the same quantity as its text', () => {
  fc.assert(
    fc.property(
      fc.double({ noNaN: true, noDefaultInfinity: true, min: 1e-9, max: 1e18 }),
      (number) => {
        const amount = quantityAmount(Quantity.parse(number))
        // Finer than nano is rounded up.
        expect(amount).toBeGreaterThanOrEqual(number * (1 - 1e-15))
        expect(amount - number).toBeLessThanOrEqual(1.1e-9 + number * 1e-15)
      },
    ),
  )
})

const image = fc
  .tuple(
    fc.option(fc.constantFrom('docker.io', 'localhost:5000', 'ghcr.io', 'registry.test:80')),
    fc.array(fc.string({ unit: fc.constantFrom(...'ab9_-.'), minLength: 1, maxLength: 8 }), {
      minLength: 1,
      maxLength: 3,
    }),
    fc.option(fc.string({ unit: fc.constantFrom(...'aZ0_.-'), maxLength: 10 })),
  )
  .map(
    ([registry, path, version]) =>
      [registry, ...path].filter(Boolean).join('/') + (version === null ? '' : `:${version}`),
  )

test('an image that was read is read again as the same, and found by its own name', () => {
  fc.assert(
    fc.property(fc.oneof(image, text), (given) => {
      const parsed = tried(() => parseImage(given))
      if (!parsed) return
      expect(parseImage(formatImage(parsed))).toEqual(parsed)
      expect(parseImageQuery(formatImage(parsed))).toEqual(parsed)
    }),
    { numRuns: 1000 },
  )
})

const path = fc
  .array(fc.string({ unit: fc.constantFrom(...'ab.-'), maxLength: 3 }), { maxLength: 4 })
  .map((parts) => `/${parts.join('/')}`)

test('a path that was cleaned is clean, and leads nowhere but below the root', () => {
  fc.assert(
    fc.property(fc.oneof(path, text), (given) => {
      const clean = tried(() => checkedPath(given))
      if (clean === undefined) return
      expect(checkedPath(clean)).toBe(clean)
      expect(clean.split('/')).not.toContain('..')
      expect(clean === given || `${clean}/` === given).toBe(true)
    }),
  )
})

test('mount points overlap when one of two, part by part, begins with the other', () => {
  fc.assert(
    fc.property(fc.array(path, { maxLength: 5 }), (given) => {
      const paths = given.flatMap((one) => tried(() => checkedPath(one)) ?? [])
      const below = (one: string, other: string) => other === one || other.startsWith(`${one}/`)
      const overlap = paths.some((one, index) =>
        paths.some((other, at) => index !== at && below(one, other)),
      )
      const refused = paths.some(
        (one, index) =>
          tried(() => (checkOverlap(one, paths.toSpliced(index, 1)), true)) === undefined,
      )
      expect(refused).toBe(overlap)
    }),
  )
})

test('the order of mount points, tags and labels makes no plan different', () => {
  const mount = fc.record({
    path,
    tags: fc.uniqueArray(tag.map(formatTag), { minLength: 1, maxLength: 3 }),
  })
  const label = fc.constantFrom('a=1', 'a=2', 'b=1')
  const spec = fc.record({
    image: fc.constantFrom('aa', 'bb:1'),
    inputs: fc.array(mount, { minLength: 1, maxLength: 3 }),
    outputs: fc.array(mount, { maxLength: 3 }),
    on_node: fc.record({ must: fc.array(label) }),
  })
  fc.assert(
    fc.property(spec, (given) => {
      const define = (one: object) =>
        tried(() => canonicalPlan(definePlan(PlanSpec.parse(one), limits)))
      const turned = (mounts: { path: string; tags: string[] }[]) =>
        mounts.toReversed().map((one) => ({ ...one, tags: one.tags.toReversed() }))
      const other = {
        ...given,
        inputs: turned(given.inputs),
        outputs: turned(given.outputs),
        on_node: { must: given.on_node.must.toReversed() },
      }
      expect(define(other)).toBe(define(given))
    }),
  )
})

test('the name of a worker leads back to its run and attempt', () => {
  fc.assert(
    fc.property(fc.uuid(), fc.integer({ min: 1, max: 999_999_999 }), (id, attempt) => {
      expect(runOfWorker(workerOf({ id, attempt }))).toEqual({ id, attempt })
    }),
  )
})
