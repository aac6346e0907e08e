import { expect, test } from 'vitest'
import { nameIn, roleIn, type ClaimSettings } from './claims.ts'

const settings: ClaimSettings = {
  nameClaim: 'email',
  roleClaim: 'groups',
  values: { viewer: ['staff'], user: ['science', 'art'], admin: ['ops'] },
}

test.for([
  [['staff'], 'viewer'],
  [['art', 'staff'], 'user'],
  [['ops', 'staff'], 'admin'],
  ['science', 'user'],
  ['openid ops', 'admin'],
  [['others'], undefined],
  [[['ops']], undefined],
  [{ ops: true }, undefined],
  ['', undefined],
  [null, undefined],
  [undefined, undefined],
] as const)('groups of %j make somebody a %s', ([groups, role]) => {
  expect(roleIn({ groups }, settings)).toBe(role)
})

test('nobody has a role as long as the settings give none', () => {
  const values = { viewer: [], user: [], admin: [] }
  expect(roleIn({ groups: ['staff', 'ops', ''] }, { ...settings, values })).toBeUndefined()
})

test('a claim is found inside of another, and by its whole name first', () => {
  const at = (roleClaim: string) => ({ ...settings, roleClaim })
  const claims = { realm: { roles: ['ops'] }, 'https://knit.example/roles': ['staff'] }
  expect(roleIn(claims, at('realm.roles'))).toBe('admin')
  expect(roleIn(claims, at('https://knit.example/roles'))).toBe('viewer')
  for (const none of [
    'realm.constructor.name',
    'realm.roles.length',
    'roles',
    '__proto__',
    'realm.',
  ])
    expect(roleIn(claims, at(none))).toBeUndefined()
})

test.for([
  [{ email: 'ann@example.org' }, 'ann@example.org'],
  [{ email: 'ann@example.org', email_verified: true }, 'ann@example.org'],
  [{ email: 'ann@example.org', email_verified: false }, undefined],
  [{ email: 'ann\nbob' }, undefined],
  [{ email: 'ann\u202ebob' }, undefined],
  [{ email: 'a'.repeat(201) }, undefined],
  [{ email: '' }, undefined],
  [{ email: ['ann'] }, undefined],
  [{}, undefined],
] as const)('%j is called %s', ([claims, name]) => {
  expect(nameIn(claims, settings)).toBe(name)
})

test('an address that nobody has looked at gives no role either', () => {
  const byEmail = {
    ...settings,
    roleClaim: 'email',
    values: { ...settings.values, admin: ['a@b.c'] },
  }
  expect(roleIn({ email: 'a@b.c' }, byEmail)).toBe('admin')
  expect(roleIn({ email: 'a@b.c', email_verified: false }, byEmail)).toBeUndefined()
})
