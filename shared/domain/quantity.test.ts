import { expect, test } from 'vitest'
import { Invalid } from './invalid.ts'
import { canonicalQuantity, showAmount, Quantity, quantityAmount } from './quantity.ts'

test.for([
  ['0.5', '500m'],
  ['2.5', '2500m'],
  ['1000', '1k'],
  ['1000m', '1'],
  ['1024Mi', '1Gi'],
  ['3.5Gi', '3584Mi'],
  ['0.5Ki', '512'],
  ['1e3', '1e3'],
  ['1E3', '1e3'],
  ['1', '1'],
  ['0', '0'],
  ['0Gi', '0'],
  ['1500', '1500'],
  ['12e6', '12e6'],
  ['0.1n', '1n'],
  ['1.0000000001', '1000000001n'],
  ['1M', '1M'],
  ['1E', '1E'],
  ['.5', '500m'],
  ['5.', '5'],
  ['+1', '1'],
  ['-1', '-1'],
  ['-500m', '-500m'],
  ['2Ei', '2Ei'],
  // As Kubernetes caps them.
  ['10000e99', '9223372036854775807'],
  ['99Ei', '9223372036854775807'],
] as const)('the quantity %s is %s', ([text, canonical]) => {
  expect(canonicalQuantity(text)).toBe(canonical)
})

test.for([
  '',
  'x',
  '1K',
  '1ki',
  '1kib',
  '1 Gi',
  '1e',
  '1e3e3',
  '1.2.3',
  '.',
  '1m2',
  '0x10',
  '1,5',
  'NaN',
  'Infinity',
])('the text %j is no quantity', (text) => {
  expect(() => canonicalQuantity(text)).toThrow(Invalid)
})

// A pattern that could share them out between two of its places would be at it for minutes.
test('very many digits are read once', () => {
  expect(() => canonicalQuantity(`${'1'.repeat(500_000)}x`)).toThrow(Invalid)
  expect(canonicalQuantity(`${'0'.repeat(500_000)}1`)).toBe('1')
})

test.for([
  ['500m', 0.5],
  ['1Gi', 2 ** 30],
  ['1k', 1000],
  ['1e3', 1000],
  ['250u', 0.00025],
] as const)('the quantity %s amounts to %d', ([text, amount]) => {
  expect(quantityAmount(text)).toBeCloseTo(amount, 9)
})

test('on the wire a quantity is text or a number, and null means 0', () => {
  expect(Quantity.parse(0.5)).toBe('500m')
  expect(Quantity.parse(1e21)).toBe('9223372036854775807')
  expect(Quantity.parse(1e-7)).toBe('100e-9')
  expect(Quantity.parse(null)).toBe('0')
  expect(Quantity.safeParse(true).error?.issues[0]?.message).toMatch(/such as 500m or 2Gi/)
  expect(Quantity.safeParse('1K').error?.issues[0]?.message).toMatch(/1K.*no quantity/)
})

test.for([
  ['cpu', 0.5, '0.5'],
  ['cpu', 0.1 + 0.2, '0.3'],
  ['cpu', 2.7 - 0.7, '2'],
  ['gpu', 0, '0'],
  ['memory', 512, '512'],
  ['memory', 2 ** 33, '8Gi'],
  ['memory', 2 ** 33 - 1, '7.9Gi'],
  ['ephemeral-storage', 1536, '1.5Ki'],
] as const)('of %s the amount %d is shown as %s', ([resource, amount, text]) => {
  expect(showAmount(resource, amount)).toBe(text)
})
