import { expect, test } from 'vitest'
import { programUser } from './program-user.ts'

const root = { uid: 0, gid: 0 }

test('programs of an ordinary user are run as that user', () => {
  expect(programUser({ uid: 1000, gid: 100 })).toEqual({
    uid: 1000,
    gid: 100,
    apart: false,
  })
})

test('programs of root are run as nobody, also where only some users exist', () => {
  const nobody = { uid: 65534, gid: 65534, apart: true }
  expect(programUser(root, () => '         0          0 4294967295\n')).toEqual(nobody)
  expect(programUser(root, () => '0 1000 1\n1 100000 65536\n')).toEqual(nobody)
})

test('who is root only to itself is an ordinary user', () => {
  expect(programUser(root, () => '0 1000 1')).toMatchObject({ apart: false })
})

test('no program is run where there is nobody but root', () => {
  expect(() => programUser(root, () => '0 0 1')).toThrow('no user but root')
})
