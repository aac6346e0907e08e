import * as z from 'zod'
import { Invalid } from './invalid.ts'

const decimal = ['n', 'u', 'm', '', 'k', 'M', 'G', 'T', 'P', 'E']
const binary = ['', 'Ki', 'Mi', 'Gi', 'Ti', 'Pi', 'Ei']
const nano = 1_000_000_000n
// As Kubernetes: what is larger counts as this.
const largest = (2n ** 63n - 1n) * nano
// No digit fits two places of it: of very many, a pattern that could share them out would try every way.
const pattern = /^([+-]?)(\d+(?:\.\d*)?|\.\d+)(?:([numkMGTPE]|[KMGTPE]i)|[eE]([+-]?\d{1,2}))?$/

type Amount = { nanos: bigint; family: 'decimal' | 'binary' | 'exponent' }

/** Reads a Kubernetes resource quantity and gives it back in canonical form: `0.5` is `500m`. Throws `Invalid`. */
export function canonicalQuantity(text: string): string {
  const { nanos, family } = readQuantity(text)
  if (family === 'binary' && nanos % nano === 0n) return withSuffix(nanos / nano, binary, 1024n)
  if (family === 'exponent') return withExponent(nanos)
  return withSuffix(nanos, decimal, 1000n)
}

/** The amount of a quantity in base units (cores, bytes, pieces). */
export const quantityAmount = (text: string): number => Number(readQuantity(text).nanos) / 1e9

/** An amount in base units as people read it: bytes as `3.9Gi`, all else as a number; never more than there is. */
export function showAmount(resource: string, amount: number): string {
  // A thousandth is the least that is asked for; binary fractions miss it by a little.
  if (!/^(memory|ephemeral-storage|hugepages-.*)$/.test(resource))
    return String(Math.floor(amount * 1000 + 1e-6) / 1000)
  const power = Math.floor(Math.log2(Math.max(amount, 1)) / 10)
  const suffix = Math.min(power, binary.length - 1)
  return `${Math.floor((amount / 1024 ** suffix) * 10) / 10}${binary[suffix]}`
}

/** By resource name, in base units: what a worker of the plan may use. */
export function resourceLimits(resources: Record<string, string>): Record<string, number> {
  return Object.fromEntries(
    Object.entries(resources).map(([name, quantity]) => [name, quantityAmount(quantity)]),
  )
}

function readQuantity(text: string): Amount {
  const match = pattern.exec(text.trim())
  if (!match)
    throw new Invalid(
      'bad quantity',
      `"${text}" is no quantity; write a number with an optional suffix n u m k M G T P E, Ki Mi Gi Ti Pi Ei, or an exponent`,
    )
  const [, sign, number = '', suffix = '', exponent] = match
  const [whole = '', fraction = ''] = number.split('.')
  const digits = BigInt(`${whole}${fraction}` || '0')
  const scale = suffix.endsWith('i')
    ? { by: 1024n ** BigInt(binary.indexOf(suffix)), ten: 0 }
    : { by: 1n, ten: exponent ? Number(exponent) : (decimal.indexOf(suffix) - 3) * 3 }
  const power = 9 + scale.ten - fraction.length
  const exact = roundedUp(digits * scale.by, power)
  const nanos = exact < largest ? exact : largest
  const family = suffix.endsWith('i') ? 'binary' : exponent ? 'exponent' : 'decimal'
  return { nanos: sign === '-' ? -nanos : nanos, family }
}

/** Anything finer than nano is rounded up, as Kubernetes does. */
function roundedUp(value: bigint, power: number): bigint {
  if (power >= 0) return value * 10n ** BigInt(power)
  const divisor = 10n ** BigInt(-power)
  return (value + divisor - 1n) / divisor
}

function withSuffix(value: bigint, suffixes: string[], base: bigint): string {
  let rest = value
  let index = 0
  while (rest !== 0n && index < suffixes.length - 1 && rest % base === 0n) {
    rest /= base
    index += 1
  }
  return rest === 0n ? '0' : `${rest}${suffixes[index]}`
}

function withExponent(nanos: bigint): string {
  let rest = nanos
  let exponent = -9
  while (rest !== 0n && rest % 1000n === 0n) {
    rest /= 1000n
    exponent += 3
  }
  if (rest === 0n) return '0'
  return exponent === 0 ? `${rest}` : `${rest}e${exponent}`
}

/** A quantity on the wire: text or number in, canonical text out. */
export const Quantity = z
  .union([z.string(), z.number(), z.null()], {
    error: 'a quantity is text or a number, such as 500m or 2Gi',
  })
  .transform((value, ctx) => {
    try {
      return canonicalQuantity(String(value ?? 0))
    } catch (error) {
      if (!(error instanceof Invalid)) throw error
      ctx.addIssue({ code: 'custom', message: error.message })
      return z.NEVER
    }
  })
  .describe('A Kubernetes resource quantity, such as 500m or 2Gi.')
