import { spawn } from 'node:child_process'
import { once } from 'node:events'
import { existsSync, mkdirSync, readFileSync, rmSync } from 'node:fs'
import { delimiter, join } from 'node:path'
import { text } from 'node:stream/consumers'
import { expect, test as base, vi } from 'vitest'
import { temporaryFolder } from '#tests/support/local-home.ts'

const root = new URL('../../', import.meta.url).pathname

// Many commands, one after another.
const timeout = 180_000

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
      PATH: [join(home, '.local/bin'), process.env['PATH']].join(delimiter),
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

test('the five minutes of use in the README run as written', { timeout }, async ({ folder }) => {
  const output = await walked('README.md', 'Five minutes of use', { home: folder })
  expect(output).toMatch(/^ +2 be$/m)
  expect(readFileSync('/tmp/lineage.dot', 'utf8')).toMatch(/^digraph G \{/)
  expect(existsSync(ownHome(folder))).toBe(false)
})

test(
  'the first hour in the page of the command line runs as written, with the knit that it gets',
  { timeout },
  async ({ folder }) => {
    const cwd = join(folder, 'work')
    mkdirSync(cwd)
    await walked('cli/README.md', 'Get it', { home: folder })
    const output = await walked('cli/README.md', 'A first hour', { home: folder, cwd })
    expect(output).toMatch(/^counted$/m)
    // Ozymandias has been through both plans, and that is what was looked at.
    expect(output).toMatch(/^ +2 and$/m)
    expect(output).not.toMatch(/^ +2 still$/m)
    // Daffodils had no tag yet, and there is no raven in Ozymandias.
    expect(output).toMatch(/ \/in\/poem +no +type:poem$/m)
    expect(output).toMatch(/^no raven in it$/m)
    for (const name of ['plans.dot', 'lineage.dot'])
      expect(readFileSync(join(cwd, 'poems', name), 'utf8')).toMatch(/^digraph G \{/)
    // Its home was its own, and is gone; the usual one was never made.
    expect(existsSync(join(cwd, 'poems/home'))).toBe(false)
    for (const home of [ownHome(folder), join(folder, '.local/state')])
      expect(existsSync(home)).toBe(false)
  },
)

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
