import { expect, test } from 'vitest'
import { described, globalFlags } from './described.ts'
import { root } from './root.ts'

const commands = new Map((await described(root)).map((command) => [command.name, command]))

// Every flag of the reference, its short form, and whether it may be repeated. What each does is in flags.test.ts.
test.each([
  ['data find', '--tag KEY:VALUE', '-t', 'repeated'],
  ['data find', '--transient yes|true|no|false|both', '', ''],
  ['data find', '--since TIME', '', ''],
  ['data find', '--duration DURATION', '', ''],
  ['data push', '--tag KEY:VALUE', '-t', 'repeated'],
  ['data push', '--name', '-n', ''],
  ['data push', '--dereference', '-L', ''],
  ['data pull', '--extract', '-x', ''],
  ['data tag', '--add KEY:VALUE', '', 'repeated'],
  ['data tag', '--remove KEY:VALUE', '', 'repeated'],
  ['data tag', '--remove-key KEY', '', 'repeated'],
  ['data lineage', '--upstream', '-u', ''],
  ['data lineage', '--downstream', '-d', ''],
  ['data lineage', '--numbers NUMBER', '-n', ''],
  ['plan graph', '--upstream', '-u', ''],
  ['plan graph', '--downstream', '-d', ''],
  ['plan graph', '--numbers NUMBER', '-n', ''],
  ['plan find', '--active yes|true|no|false|both', '', ''],
  ['plan find', '--image IMAGE[:TAG]', '', ''],
  ['plan find', '--in-tag KEY:VALUE', '-i', 'repeated'],
  ['plan find', '--out-tag KEY:VALUE', '-o', 'repeated'],
  ['plan template', '--scratch', '', ''],
  ['plan template', '--input FILE', '-i', ''],
  ['plan resource', '--set TYPE=QUANTITY', '-s', 'repeated'],
  ['plan resource', '--unset TYPE', '-u', 'repeated'],
  ['plan annotate', '--add KEY=VALUE', '', 'repeated'],
  ['plan annotate', '--remove KEY=VALUE', '', 'repeated'],
  ['plan annotate', '--remove-key ANNOTATION_KEY', '', 'repeated'],
  ['plan serviceaccount', '--set NAME', '', ''],
  ['plan serviceaccount', '--unset', '', ''],
  ['run find', '--planid PLAN_ID', '-p', 'repeated'],
  ['run find', '--in-knitid KNIT_ID', '-i', 'repeated'],
  ['run find', '--out-knitid KNIT_ID', '-o', 'repeated'],
  ['run find', '--status STATUS', '-s', 'repeated'],
  ['run find', '--since TIME', '', ''],
  ['run find', '--duration DURATION', '', ''],
  ['run show', '--log', '', ''],
  ['run show', '--follow', '-f', ''],
  ['run stop', '--fail', '-x', ''],
])('%s %s %s %s', (name, form, short, repeated) => {
  const flag = commands.get(`knit ${name}`)?.flags.find(({ forms }) => forms.at(-1) === form)
  expect(flag?.forms).toEqual([...(short ? [short] : []), form])
  expect(flag?.about.includes('(repeatable)')).toBe(repeated !== '')
})

test.each([
  ['--profile PROFILE', ''],
  ['--profile-store FILE', ''],
  ['--env FILE', ''],
  ['--help', '-h'],
])('every command takes %s %s', (form, short) => {
  expect(globalFlags.map(({ forms }) => forms)).toContainEqual([...(short ? [short] : []), form])
})

test.each([
  ['init', 'KNIT_PROFILE_FILE'],
  ['data push', 'SOURCE...'],
  ['data pull', 'KNIT_ID [DEST]'],
  ['data tag', 'KNIT_ID'],
  ['data lineage', 'KNIT_ID'],
  ['plan show', 'PLAN_ID'],
  ['plan graph', 'PLAN_ID'],
  ['plan template', '[IMAGE]'],
  ['plan apply', 'PLAN_FILE'],
  ['plan active', 'ACTIVE PLAN_ID'],
  ['plan resource', 'PLAN_ID'],
  ['plan annotate', 'PLAN_ID'],
  ['plan serviceaccount', 'PLAN_ID'],
  ['run show', 'RUN_ID'],
  ['run stop', 'RUN_ID...'],
  ['run retry', 'RUN_ID...'],
  ['run rm', 'RUN_ID...'],
  ['license', ''],
  ['version', ''],
])('%s takes the words %s', (name, words) => {
  const { positionals } = commands.get(`knit ${name}`) ?? { positionals: [] }
  expect(positionals.map(({ forms }) => forms[0]).join(' ')).toBe(words)
})
