import { spawn } from 'node:child_process'
import { once } from 'node:events'
import { existsSync, mkdirSync, readFileSync, rmSync, symlinkSync } from 'node:fs'
import { delimiter, join } from 'node:path'
import { text } from 'node:stream/consumers'
import { expect, test as base, vi } from 'vitest'
import { temporaryFolder } from '#tests/support/local-home.ts'

const root = new URL('../../', import.meta.url).pathname

// As of somebody who has a home already.
const ownHome = (folder: string): string => join(folder, 'own')

const test = base.extend<{ folder: string }>({
  folder: async ({}, use) => {
    const folder = await temporaryFolder()
    vi.stubEnv('KNIT_HOME', ownHome(folder.path))
    await use(folder.path)
    vi.unstubAllEnvs()
    await folder.remove()
    for (const left of ['/tmp/words', '/tmp/count.yaml', '/tmp/counted', '/tmp/lineage.dot'])
      rmSync(left, { recursive: true, force: true })
    rmSync(join(root, '.knitprofile'), { force: true })
  },
})

/** The shell blocks of a section of a page, as one script. */
function scriptOf(page: string, section: string): string {
  const [, after = ''] = page.split(`## ${section}\n`)
  const [body = ''] = after.split('\n## ')
  return [...body.matchAll(/```sh\n([\s\S]*?)```/g)].map(([, block]) => block).join('\n')
}

/** Runs the commands of a section of a page as somebody would who has nothing yet; gives back what they print. */
async function walked(page: string, section: string, { home, cwd = root }: Walk): Promise<string> {
  const script = scriptOf(readFileSync(join(root, page), 'utf8'), section)
  const shell = spawn('bash', ['-euo', 'pipefail', '-c', script], {
    cwd,
    env: {
      ...withoutOwn(process.env),
      PATH: [join(home, 'bin'), process.env['PATH']].join(delimiter),
      HOME: home,
      XDG_STATE_HOME: undefined,
      npm_config_cache: join(home, 'npm'),
    },
    stdio: ['ignore', 'pipe', 'pipe'],
  })
  const [output, errors] = await Promise.all([
    text(shell.stdout),
    text(shell.stderr),
    once(shell, 'exit'),
  ])
  expect(shell.exitCode, errors).toBe(0)
  return output
}

/** Without what whoever runs this has told `knit`, as where a home is that is dear to them. */
const withoutOwn = (env: NodeJS.ProcessEnv): NodeJS.ProcessEnv =>
  Object.fromEntries(Object.entries(env).filter(([name]) => !name.startsWith('KNIT_')))

type Walk = { home: string; cwd?: string }

test('the five minutes of use in the README run as written', async ({ folder }) => {
  const output = await walked('README.md', 'Five minutes of use', { home: folder })
  expect(output).toMatch(/^ +2 be$/m)
  expect(readFileSync('/tmp/lineage.dot', 'utf8')).toMatch(/^digraph G \{/)
  expect(existsSync(ownHome(folder))).toBe(false)
})

test('the first hour in the page of the command line runs as written', async ({ folder }) => {
  const [bin, cwd] = [join(folder, 'bin'), join(folder, 'work')]
  for (const dir of [bin, cwd]) mkdirSync(dir)
  symlinkSync(join(root, 'cli/knit.cjs'), join(bin, 'knit'))
  const output = await walked('cli/README.md', 'A first hour', { home: folder, cwd })
  expect(output).toMatch(/^counted$/m)
  // Ozymandias has been through both plans.
  expect(output).toMatch(/^ +2 and$/m)
  for (const name of ['plans.dot', 'lineage.dot'])
    expect(readFileSync(join(cwd, 'poems', name), 'utf8')).toMatch(/^digraph G \{/)
  // Its home was its own, and is gone; the usual one was never made.
  expect(existsSync(join(cwd, 'poems/home'))).toBe(false)
  for (const home of [ownHome(folder), join(folder, '.local/state')])
    expect(existsSync(home)).toBe(false)
})

test('every npm script the README names is there', () => {
  const readme = readFileSync(join(root, 'README.md'), 'utf8')
  const { scripts } = JSON.parse(readFileSync(join(root, 'package.json'), 'utf8')) as {
    scripts: object
  }
  const table = readme.slice(readme.indexOf('| `npm run`'))
  const named = [...table.matchAll(/^\| `(\w+)` +\|/gm)].map(([, name]) => name)
  expect(named.length).toBeGreaterThan(5)
  expect(Object.keys(scripts)).toEqual(expect.arrayContaining(named))
})
