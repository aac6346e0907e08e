import { execFileSync } from 'node:child_process'
import { mkdirSync, mkdtempSync, readdirSync, readFileSync, rmSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { expect, test as base } from 'vitest'
import { openHome, secretOf, type Home } from './home.ts'

const test = base.extend<{ folder: string; home: Home }>({
  folder: async ({}, use) => {
    const folder = mkdtempSync(join(tmpdir(), 'knit-home-'))
    await use(folder)
    rmSync(folder, { recursive: true })
  },
  home: async ({ folder }, use) => {
    const home = openHome(folder)
    await use(home)
    home.leave()
  },
})

test('a secret is made once', ({ home }) => {
  const secret = secretOf(home, 'signing-key')
  expect(secret).toHaveLength(43)
  expect(secretOf(home, 'signing-key')).toBe(secret)
})

test.for(['', 'half'])(
  'a secret that a crash has spoiled, as "%s", is made again',
  (left, { home }) => {
    writeFileSync(home.path('signing-key'), left)
    const secret = secretOf(home, 'signing-key')
    expect(secret).toHaveLength(43)
    expect(readFileSync(home.path('signing-key'), 'utf8')).toBe(secret)
  },
)

test('a start that was killed while it made the home does not keep the next one from it', ({
  folder,
}) => {
  writeFileSync(join(folder, 'KNIT_HOME.0'), '')
  openHome(folder).leave()
})

test('a home whose process has ended is free, though another has its id by now', ({ folder }) => {
  openHome(folder).leave()
  const ended = { id: 'ended', pid: process.pid, since: '1', boot: 'another' }
  writeFileSync(join(folder, 'lock'), JSON.stringify(ended))
  openHome(folder).leave()
  const home = openHome(folder)
  expect(() => openHome(folder)).toThrow(`is in use by process ${process.pid}.`)
  home.leave()
})

if (process.getuid?.() === 0)
  test('on a full disk a file stays as it was, and the message says why', ({ folder }) => {
    const small = join(folder, 'small')
    mkdirSync(small)
    execFileSync('mount', ['-t', 'tmpfs', '-o', 'size=64k', 'tmpfs', small])
    try {
      const home = openHome(small)
      home.write('local.json', 'before')
      fill(home.path('ballast'))
      expect(() => home.write('local.json', 'x'.repeat(9000))).toThrow(
        `The disk of ${small} is full.\nFree some room there`,
      )
      expect(() => secretOf(home, 'signing-key')).toThrow('is full')
      expect(readFileSync(home.path('local.json'), 'utf8')).toBe('before')
      expect(readdirSync(small).sort()).toEqual(['KNIT_HOME', 'ballast', 'local.json', 'lock'])
    } finally {
      execFileSync('umount', [small])
    }
  })

function fill(file: string): void {
  expect(() => {
    for (;;) writeFileSync(file, 'x'.repeat(4096), { flag: 'a' })
  }).toThrow('ENOSPC')
}
