import { spawnSync } from 'node:child_process'
import { expect, test } from 'vitest'
import { described } from './described.ts'
import { manPage } from './man-page.ts'
import { referencePage } from './reference.ts'
import { root } from './root.ts'
import { knit, tempDir } from './testing.ts'

test('the pages tell of every command and flag, and of nothing hidden', async () => {
  const [page, manual] = [await referencePage(), await manPage('1')]
  const commands = await described(root)
  expect(commands.map(({ name }) => name)).toEqual(
    expect.arrayContaining(['knit init', 'knit data push', 'knit local image add', 'knit license']),
  )
  for (const { name, flags } of commands) {
    expect(page).toContain(`\n## ${name}\n`)
    expect(manual).toContain(`\n.SS ${name}`)
    for (const { forms } of flags)
      expect(page).toContain(`\`${forms.at(-1)?.replaceAll('|', '\\|')}\``)
  }
  expect(page + manual).not.toContain('__complete')
})

test('a command is shown with what it takes and what counts unless given', async () => {
  const page = await referencePage()
  const [, push] = page.split('\n## knit data pull\n')
  expect(push?.split('\n## ')[0]).toMatchInlineSnapshot(`
    "
    Download data, as an archive or unpacked.

    \`\`\`
    knit data pull [OPTIONS] KNIT_ID [DEST]
    \`\`\`

    | | |
    | --- | --- |
    | \`KNIT_ID\` | Id of the data. |
    | \`[DEST]\` | Directory it goes to; - writes the archive to stdout. |

    | | |
    | --- | --- |
    | \`-x\`, \`--extract\` | Unpack into DEST/KNIT_ID/ instead of keeping the archive. |

    \`\`\`sh
    knit data pull KNIT_ID results --extract
    knit data pull KNIT_ID - | tar tz
    \`\`\`
    "
  `)
})

test('every flag and argument says what it is', async () => {
  const silent = (await described(root)).flatMap(({ name, positionals, flags }) =>
    [...positionals, ...flags]
      .filter(({ about }) => about.replace(/\((repeatable|required)\)/g, '').trim() === '')
      .map(({ forms }) => `${name} ${forms.join(' ')}`),
  )
  expect(silent).toEqual([])
})

test('what a flag is unless given, and that it has to be given, stand in every help and page', async () => {
  const pages = [await referencePage(), (await manPage('1')).replaceAll('\\-', '-')]
  const helpOf = async (...words: string[]) =>
    (await knit(['admin', ...words, '--help'], tempDir())).stderr
  expect(await helpOf('audit')).toMatch(/--limit=<N> .*\(Default: 100\)\n/)
  expect(await helpOf('check')).toMatch(/--patience=<SECONDS> .*\(Default: 60\)\n/)
  const create = await helpOf('token', 'create')
  expect(create).toMatch(/--expires=<SPAN> .*\(Default: 90d\)\n/)
  expect(create).toMatch(/USAGE .* --role=<viewer\|user\|admin>\n/)
  expect(create).toMatch(/--role=<viewer\|user\|admin> .*\(Required\)\n/)
  for (const page of pages) {
    expect(page).toMatch(/How many at the most\. Unless given: `?100`?\./)
    expect(page).toContain('token create --role viewer|user|admin [OPTIONS] NAME')
    expect(page).toContain('looks after the system. (required)')
  }
})

test('groff reads the manual without a complaint', async ({ skip }) => {
  const input = await manPage('1')
  const { error, stdout, stderr } = spawnSync('groff', ['-man', '-Tutf8', '-ww', '-P-cbou'], {
    input,
    encoding: 'utf8',
  })
  if (error) return skip('needs groff')
  expect(stderr).toBe('')
  expect(stdout).toContain('knit data push [OPTIONS] SOURCE...')
  expect(stdout).toMatch(/^ +-t, --tag KEY:VALUE\n/m)
})

test('what the help says of a flag the manual says, too', async () => {
  const { stderr } = await knit(['run', 'rm', '--help'], tempDir())
  const manual = (await manPage('1')).replaceAll('\\-', '-')
  for (const [, about = ''] of stderr.matchAll(/^ +-[^ ]+, --\w+ {4}(.*)$/gm))
    expect(manual).toContain(about)
})
