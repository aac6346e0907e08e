import { expect, test } from 'vitest'
import { explain } from './postgres-unavailable.ts'

const explained = (output: string) => explain('Postgres did not start', '/', output).message

test.each([
  [
    'postgres: error while loading shared libraries: libstdc++.so.6: cannot open shared object file',
    'needs the shared library libstdc++.so.6, which this machine lacks. Install it (Debian, Ubuntu: `apt-get install libstdc++6`)',
  ],
  [
    'postgres: error while loading shared libraries: libicuuc.so.60: cannot open',
    'needs the shared library libicuuc.so.60, which this machine lacks. Install the package',
  ],
  ['spawn unshare ENOENT', '`unshare`, which gives it another, is missing. Install util-linux'],
  ["unshare: unrecognized option '--map-user=nobody'", 'cannot make us "nobody"'],
  ["unshare: option '--map-user' requires user 'nobody'", 'cannot make us "nobody"'],
  ['unshare: unshare failed: Operation not permitted', 'forbids the user namespace'],
  ['unshare: unshare failed: No space left on device', 'forbids the user namespace'],
  ['unshare: write failed /proc/self/uid_map: Operation not permitted', 'forbids the user'],
  ['unshare: failed to execute /n/bin/postgres: Permission denied', 'may not run /n/bin/postgres.'],
  ['spawn /n/bin/postgres EACCES', 'may not run /n/bin/postgres.'],
  ['spawn /n/bin/postgres ENOENT', '/n/bin/postgres is missing, or made for another'],
  ['FATAL: could not write lock file: No space left on device', 'The disk of / is full. Free'],
  [
    'FATAL: could not extend file "base/1/2691": wrote only 4096 of 8192 bytes at block 9',
    'The disk of / is full. Free',
  ],
  ["Error: EACCES: permission denied, mkdir '/x'", 'may not write in /. Choose a folder'],
  ["Error: ENOENT: no such file or directory, mkdir '/x'", 'is in its place in /. Move it away'],
  ['FATAL: could not map anonymous shared memory: Cannot allocate memory', 'too little memory'],
  ['FATAL: what nobody foresaw', 'Postgres did not start in /. Its last lines'],
])('of "%s" the cause and the way out are told', (output, message) => {
  expect(explained(output)).toContain(message)
  expect(explained(output)).toContain(output)
})

const lines = (count: number, of: string) => Array.from({ length: count }, (_, n) => `${of} ${n}`)

test('of an output that nobody foresaw people read what it complains of', () => {
  const complaints = ['running bootstrap script ... FATAL:  unforeseen', 'HINT:  Think.']
  const output = [...lines(20, 'ok'), ...complaints, 'initdb: removing contents'].join('\n')
  const { plain, message } = explain('initdb failed', '/', output)
  expect(plain.split('\n').slice(2)).toEqual(complaints)
  expect(message).toContain(output)
})

test('of an output without complaints people read the last lines', () => {
  const { plain } = explain('initdb failed', '/', lines(20, 'ok').join('\n'))
  expect(plain.split('\n').slice(2)).toEqual(lines(20, 'ok').slice(8))
})
