import { mkdirSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { expect, test } from 'vitest'
import manifest from '../package.json' with { type: 'json' }
import { licensesOf } from './licenses.ts'
import { knit, tempDir } from './testing.ts'

test('the licences of this program and of all it depends on are printed, ours first', async () => {
  const { code, stdout } = await knit(['license'], tempDir())
  expect(code).toBe(0)
  expect(stdout).toMatch(/^knitfab \S+ \(Apache-2\.0\)\n\n +Apache License\n/)
  for (const [name, version] of Object.entries(manifest.dependencies))
    expect(stdout).toContain(`\n${name} ${version} (`)
})

test('packages that packages depend on are among them, each once', () => {
  const dir = tempDir()
  const add = (path: string, dependencies: string[], license?: string) => {
    const place = join(dir, path)
    mkdirSync(place, { recursive: true })
    const needed = Object.fromEntries(dependencies.map((name) => [name, '*']))
    const content = { name: path.split('/').at(-1) || 'own', version: '1.0.0', license: 'MIT' }
    writeFileSync(join(place, 'package.json'), JSON.stringify({ ...content, dependencies: needed }))
    if (license) writeFileSync(join(place, 'LICENCE.md'), license)
  }
  add('', ['b', 'a'], 'mine')
  add('node_modules/a', ['c'], 'of a')
  add('node_modules/b', ['a'], 'of b')
  add('node_modules/a/node_modules/c', ['a'])
  const line = `\n${'-'.repeat(80)}\n\n`
  expect(licensesOf(dir).split(line)).toEqual([
    'own 1.0.0 (MIT)\n\nmine\n',
    'a 1.0.0 (MIT)\n\nof a\n',
    'b 1.0.0 (MIT)\n\nof b\n',
    'c 1.0.0 (MIT)\n',
  ])
  add('node_modules/b', ['gone'])
  expect(() => licensesOf(dir)).toThrow('the package gone is not installed; run npm ci')
})
