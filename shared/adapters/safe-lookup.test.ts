import { expect, test } from 'vitest'
import { safeLookup } from './safe-lookup.ts'

type Address = { address: string; family: number }

/** What is connected to when a name leads to these addresses. */
function found(addresses: Address[], all: boolean): Promise<unknown> {
  const lookup = safeLookup((_host, _options, done) => done(null, addresses))
  return new Promise((resolve, reject) => {
    lookup('name.test', { all }, (error, address, family) =>
      error ? reject(error) : resolve(all ? address : { address, family }),
    )
  })
}

const good = { address: '203.0.113.7', family: 4 }
const bad = [
  { address: '169.254.169.254', family: 4 },
  { address: '::ffff:169.254.169.254', family: 6 },
  { address: 'fe80::1', family: 6 },
  { address: 'fd00:ec2::254', family: 6 },
]

test('a name is what it leads to', async () => {
  const other = { address: '2001:db8::1', family: 6 }
  expect(await found([good, other], false)).toEqual(good)
  expect(await found([good, other], true)).toEqual([good, other])
})

test('addresses of the metadata of machines are passed over', async () => {
  expect(await found([...bad, good], false)).toEqual(good)
  expect(await found([...bad, good], true)).toEqual([good])
})

test.for([true, false])('a name that leads nowhere else is not asked (all: %s)', async (all) => {
  await expect(found(bad, all)).rejects.toThrow('name.test leads to no address')
  await expect(found([], all)).rejects.toThrow('name.test leads to no address')
})

test('a name that cannot be looked up says why', async () => {
  const lookup = safeLookup((_host, _options, done) => done(new Error('ENOTFOUND'), []))
  const failed = new Promise((_, reject) => lookup('name.test', {}, (error) => reject(error)))
  await expect(failed).rejects.toThrow('ENOTFOUND')
})
