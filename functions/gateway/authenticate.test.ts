import { expect, test } from 'vitest'
import { authenticator, isOpenToAll, ownerOfThisMachine, settingsToken } from './authenticate.ts'

const asked = (headers: Record<string, string>) => new Request('http://home.local/', { headers })
const token = 'a token that nobody guesses'
const withToken = authenticator([settingsToken(token)])
const without = authenticator([ownerOfThisMachine])
const basic = (userinfo: string) => `Basic ${Buffer.from(userinfo).toString('base64')}`

test('with a token, its holder is let in, whatever the host', async () => {
  for (const authorization of [`Bearer ${token}`, `bearer ${token}`])
    expect(await withToken(asked({ authorization, host: 'knit.example' }))).toMatchObject({
      role: 'admin',
    })
})

test.for([`any:${token}`, `:${token}`, `${token}:`])(
  'a client that knows no tokens brings one in its URL, as %s',
  async (userinfo) => {
    const principal = await withToken(asked({ authorization: basic(userinfo) }))
    expect(principal).toEqual({ name: 'token', role: 'admin' })
  },
)

test('ways in are asked in their order, until one knows who it is', async () => {
  const way = (name: string) => () => (name ? ({ name, role: 'user' } as const) : undefined)
  expect(await authenticator([way(''), way('one'), way('two')])(asked({}))).toMatchObject({
    name: 'one',
  })
  await expect(authenticator([way('')])(asked({}))).rejects.toMatchObject({ code: 'unauthorized' })
  await expect(authenticator([])(asked({}))).rejects.toMatchObject({ code: 'unauthorized' })
})

test.for([
  {},
  { authorization: '' },
  { authorization: 'Bearer' },
  { authorization: 'Bearer ' },
  { authorization: `Bearer ${token}x` },
  { authorization: `Bearer ${token.slice(1)}` },
  { authorization: `Bearer ${token.toUpperCase()}` },
  { authorization: `Basic ${token}` },
  { authorization: basic(token) },
  { authorization: basic(`any:${token}x`) },
  { authorization: basic(`any:x${token}`) },
  { authorization: basic(`${token}:any`) },
  { authorization: basic(':') },
  { authorization: basic(`any:${token}`), origin: 'https://evil.example' },
  { authorization: basic(`any:${token}`), origin: 'null' },
  { authorization: basic(`any:${token}`), 'sec-fetch-site': 'cross-site' },
  { authorization: basic(`any:${token}`), 'sec-fetch-site': 'none' },
  { authorization: token },
  { host: '127.0.0.1' },
  { 'x-knit-identity': token },
] as Record<string, string>[])('with a token, %j is not let in', async (headers) => {
  await expect(withToken(asked(headers))).rejects.toMatchObject({ code: 'unauthorized' })
})

test.for([
  'localhost',
  'LOCALHOST:30803',
  '127.0.0.1',
  '127.0.0.1:81',
  '127.1.2.3:1',
  '[::1]:30803',
])('without a token, this machine is let in as %s, also from a page of its own', async (host) => {
  expect(await without(asked({ host }))).toEqual({ name: 'local', role: 'admin' })
  const origin = `http://${host.toLowerCase()}`
  expect(await without(asked({ host: host.toLowerCase(), origin }))).toMatchObject({
    name: 'local',
  })
})

test.for([
  { host: 'knit.example' },
  { host: 'localhost.evil.example' },
  { host: '127.0.0.1.evil.example' },
  { host: 'evil127.0.0.1' },
  { host: '192.168.0.1' },
  { host: '' },
  { host: 'localhost', origin: 'https://evil.example' },
  { host: 'localhost', origin: 'null' },
  { host: 'localhost', origin: '' },
  { host: 'localhost:1', origin: 'http://localhost:2' },
  { host: 'evil.example', origin: 'http://evil.example' },
] as Record<string, string>[])('without a token, %j is not let in', async (headers) => {
  await expect(without(asked(headers))).rejects.toMatchObject({
    code: 'forbidden',
  })
})

test('only a gateway that listens to this machine alone may go without a token', () => {
  for (const host of ['127.0.0.1', 'localhost', '::1']) expect(isOpenToAll({ host })).toBe(false)
  for (const host of ['0.0.0.0', '::', '10.0.0.1', 'knit.example', '']) {
    expect(isOpenToAll({ host })).toBe(true)
    expect(isOpenToAll({ host, token })).toBe(false)
  }
})
