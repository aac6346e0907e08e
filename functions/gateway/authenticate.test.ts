import { expect, test } from 'vitest'
import { authenticator, isOpenToAll } from './authenticate.ts'

const asked = (headers: Record<string, string>) => new Request('http://home.local/', { headers })
const token = 'a token that nobody guesses'

test('with a token, its holder is let in, whatever the host', async () => {
  const authenticate = authenticator(token)
  for (const authorization of [`Bearer ${token}`, `bearer ${token}`])
    expect(await authenticate(asked({ authorization, host: 'knit.example' }))).toMatchObject({
      role: 'admin',
    })
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
  { authorization: token },
  { host: '127.0.0.1' },
  { 'x-knit-identity': token },
] as Record<string, string>[])('with a token, %j is not let in', async (headers) => {
  await expect(authenticator(token)(asked(headers))).rejects.toMatchObject({ code: 'unauthorized' })
})

test.for([
  'localhost',
  'LOCALHOST:30803',
  '127.0.0.1',
  '127.0.0.1:81',
  '127.1.2.3:1',
  '[::1]:30803',
])('without a token, this machine is let in as %s, also from a page of its own', async (host) => {
  const authenticate = authenticator(undefined)
  expect(await authenticate(asked({ host }))).toEqual({ name: 'local', role: 'admin' })
  const origin = `http://${host.toLowerCase()}`
  expect(await authenticate(asked({ host: host.toLowerCase(), origin }))).toMatchObject({
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
  await expect(authenticator(undefined)(asked(headers))).rejects.toMatchObject({
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
