import { expect, test } from 'vitest'
import { idOf } from '#shared/client/wire-samples.ts'
import { knit, tempDir } from './testing.ts'

test('the root says what there is', async () => {
  const { code, stdout, stderr } = await knit(['--help'], tempDir())
  expect({ code, stdout }).toEqual({ code: 0, stdout: '' })
  expect(stderr).toMatchInlineSnapshot(`
    "Data and plans in, models and their lineage out. (knit)

    USAGE knit init|login|logout|data|plan|run|explain|admin|profile|whoami|local|completion|license|version

    COMMANDS

            init    Make this directory a project of the system that a profile file describes.
           login    Sign in to the system of this directory, at its provider, or with a token that you have.
          logout    Forget how you sign in to the system of this directory, and tell its provider so.
            data    Push, find, tag and pull data, look into them, and see where they come from.
            plan    Write, register and look at plans.
             run    Find runs, read their logs, wait for them; stop, retry and delete them.
         explain    Explain why data, or what a run has written, started a run of a plan, or why not.
           admin    Look after the system.
         profile    List, choose and forget the systems this machine knows.
          whoami    Show who you are to the system of this directory, and what you may do there.
           local    Run the whole system on this machine.
      completion    Print what teaches a shell to complete commands, flags, ids and tags.
         license    Print the licence of this program, and those of what it is made of.
         version    Print the version of this program.

    Use knit <command> --help for more information about a command.
    knit help <command> shows the same, and knit --version the version.

    FIRST STEPS

      knit local start --detach
      knit init ~/.local/state/knit/knitprofile
      knit data push DIRECTORY --tag KEY:VALUE
    "
  `)
})

test('a command shows its arguments, its flags and the global ones', async () => {
  const { code, stderr } = await knit(['data', 'pull', '-h', '--bogus'], tempDir())
  expect(code).toBe(0)
  expect(stderr).toMatchInlineSnapshot(`
    "Download data, as an archive or unpacked. (knit data pull)

    USAGE knit data pull [OPTIONS] <KNIT_ID> [DEST]

    ARGUMENTS

      KNIT_ID    Id of the data. (Required)
         DEST    Directory it goes to; - writes the archive to stdout.

    OPTIONS

               -x, --extract    Unpack into DEST/KNIT_ID/ instead of keeping the archive.
         --profile=<PROFILE>    Name of the profile; else $KNIT_PROFILE, else .knitprofile.
      --profile-store=<FILE>    File of the profiles; else $KNIT_PROFILE_STORE, else ~/.knit/profile.
                --env=<FILE>    File of project defaults; else $KNIT_ENV, else knitenv.
                 -q, --quiet    Say nothing but results and errors.
                  -h, --help    Show this help.

    EXAMPLES

      knit data pull KNIT_ID results --extract
      knit data pull KNIT_ID - | tar tz
    "
  `)
})

test('find shows what its contract says of each filter', async () => {
  expect((await knit(['run', 'find', '--help'], tempDir())).stderr).toMatchInlineSnapshot(`
    "Find runs. (knit run find)

    USAGE knit run find [OPTIONS]

    OPTIONS

               -p, --planid=<PLAN_ID>    Ids of plans, any of them. (repeatable)
            -i, --in-knitid=<KNIT_ID>    Ids of data read, any of them. (repeatable)
           -o, --out-knitid=<KNIT_ID>    Ids of data written, any of them. (repeatable)
                -s, --status=<STATUS>    Statuses, any of them. (repeatable)
                       --since=<TIME>    Only what ended, or last changed, at or after this time. Or so long ago: 2h.
                       --until=<TIME>    Only what ended, or last changed, before this time.
                --duration=<DURATION>    Length of the window from --since on, such as 90m, 24h or 7d.
                          --limit=<N>    At most so many, the newest first; without it there are all, the newest last.
      --output=<json|table|yaml|name>    json or yaml for programs, table for people, name for the first column of that alone. (Default: json)
                  --profile=<PROFILE>    Name of the profile; else $KNIT_PROFILE, else .knitprofile.
               --profile-store=<FILE>    File of the profiles; else $KNIT_PROFILE_STORE, else ~/.knit/profile.
                         --env=<FILE>    File of project defaults; else $KNIT_ENV, else knitenv.
                          -q, --quiet    Say nothing but results and errors.
                           -h, --help    Show this help.

    EXAMPLES

      knit run find --status failed --since 1d --output table
      knit run find --limit 20 --output table
      knit run find --planid PLAN_ID --output name
    "
  `)
})

test('a command that only has others below it, named alone, is misused and shows its help', async () => {
  const { code, stderr } = await knit(['plan'], tempDir())
  expect(code).toBe(2)
  expect(stderr).toMatchInlineSnapshot(`
    "usage error: knit plan needs the name of a command

    Write, register and look at plans. (knit plan)

    USAGE knit plan template|apply|find|show|usage|active|resource|annotate|serviceaccount|graph

    COMMANDS

            template    Write the file of a new plan, from an image or from scratch.
               apply    Register a plan.
                find    Find plans.
                show    Show one plan.
               usage    Show how much room it takes what runs of a plan have written.
              active    Activate a plan (yes), or hold its runs back (no).
            resource    Change what each run of a plan may use, from the next one that begins on.
            annotate    Change the annotations of a plan.
      serviceaccount    Say which service account runs of a plan have, from the next one that begins on.
               graph    Draw which plans feed a plan and which it feeds, as a Graphviz document.

    Use knit plan <command> --help for more information about a command.
    "
  `)
})

test.each([
  [['dta', 'find'], 'there is no command "knit dta"; did you mean knit data?', 'knit --help'],
  [
    ['run', 'fnd'],
    'there is no command "knit run fnd"; did you mean knit run find?',
    'knit run --help',
  ],
  [['data', 'constructor'], 'there is no command "knit data constructor"', 'knit data --help'],
  [['run', 'find', idOf('x')], `too many arguments: ${idOf('x')}`, `knit run show ${idOf('x')}`],
  [
    ['data', 'find', idOf('x')],
    `too many arguments: ${idOf('x')}`,
    `knit data find --tag knit#id:${idOf('x')}`,
  ],
  [['-v'], 'unknown flag -v', 'knit --help'],
  [['data', '--version'], 'unknown flag --version', 'knit data --help'],
  [['whoami', '--version'], 'unknown flag --version', 'knit whoami --help'],
  [['data', '--outptu'], 'unknown flag --outptu', 'knit data --help'],
  [['--profiel=x'], 'unknown flag --profiel; did you mean --profile?', 'knit --help'],
  [['data', 'push'], 'SOURCE is missing', 'knit data push --help'],
  [
    ['data', 'find', '--tag', 'x'],
    '--tag: the tag "x" has no colon; write it as KEY:VALUE',
    'knit data find --help',
  ],
  [
    ['data', 'find', '--duration', '1h'],
    '--duration needs --since, where it begins',
    'knit data find --help',
  ],
  [
    ['data', 'find', '--since', '1y'],
    '--since: "1y" is no time; write 2026-01-31, 2026-01-31T12:34, 2026-01-31T12:34:56+09:00, or how long ago: 90m, 2h, 3d',
    'knit data find --help',
  ],
  ...['0', '1.5', 'x', ''].map((limit): [string[], string, string] => [
    ['run', 'find', `--limit=${limit}`],
    '--limit: expected a number from 1 on',
    'knit run find --help',
  ]),
  [
    ['data', 'find', '--transient', 'maybe'],
    '--transient: expected yes, no or both',
    'knit data find --help',
  ],
  [
    ['data', 'lineage', idOf('x'), '-n', '0'],
    '--numbers: expected a number from 1 on, or "all"',
    'knit data lineage --help',
  ],
  [
    ['run', 'find', '--status', 'invalidated'],
    '--status: "invalidated" is no status to search for; there are deactivated, waiting, ready, starting, running, completing, aborting, done, failed',
    'knit run find --help',
  ],
  [['run', 'wait'], 'RUN_ID, --planid or --in-knitid is missing', 'knit run wait --help'],
  [
    ['run', 'show', idOf('x'), '--follow'],
    '--follow needs --log',
    `knit run show ${idOf('x')} --follow --log`,
  ],
  [['plan', 'active', 'true', 'x'], 'ACTIVE: expected yes or no', 'knit plan active --help'],
  [
    ['plan', 'annotate', idOf('x'), '--add', 'x'],
    '--add: the annotation "x" has no "="; write it as KEY=VALUE',
    'knit plan annotate --help',
  ],
  ...[[], ['--set', ''], ['--set', 'x', '--unset']].map((flags): [string[], string, string] => [
    ['plan', 'serviceaccount', idOf('x'), ...flags],
    'say which account to --set, or that it is to --unset, and not both',
    'knit plan serviceaccount --help',
  ]),
  [
    ['plan', 'template', '--scratch', 'a:b'],
    '--scratch reads no image, so none can be named',
    'knit plan template --help',
  ],
])('%j is misused, told in two lines, with exit code 2', async (words, message, next) => {
  const { code, stdout, stderr } = await knit(words, tempDir())
  expect({ code, stdout, stderr }).toEqual({
    code: 2,
    stdout: '',
    stderr: `usage error: ${message}\ntry: ${next}\n`,
  })
})

test.each([
  [['data', 'pull', '../x'], 'KNIT_ID', 'data'],
  [['data', 'tag', 'xyz', '--add', 'a:b'], 'KNIT_ID', 'data'],
  [['data', 'lineage', 'xyz'], 'KNIT_ID', 'data'],
  [['plan', 'show', 'xyz'], 'PLAN_ID', 'plan'],
  [['plan', 'active', 'yes', 'xyz'], 'PLAN_ID', 'plan'],
  [['plan', 'graph', 'xyz'], 'PLAN_ID', 'plan'],
  [['run', 'show', 'xyz'], 'RUN_ID', 'run'],
  [['run', 'show', 'xyz', '--log'], 'RUN_ID', 'run'],
  [['run', 'wait', idOf('x'), 'xyz'], 'RUN_ID', 'run'],
  [['run', 'find', '--planid', 'xyz'], '--planid', 'plan'],
  [['run', 'find', '--in-knitid', `${idOf('x')},xyz`], '--in-knitid', 'data'],
  [['run', 'find', '-o', idOf('x').toUpperCase().replace('0', 'A')], '--out-knitid', 'data'],
])('what can be no id is misused, and no server is asked: %j', async (words, name, thing) => {
  const { code, stderr } = await knit(words, tempDir())
  expect({ code, stderr }).toEqual({
    code: 2,
    stderr: `usage error: ${name}: expected the id of a ${thing}: a lower-case UUID\ntry: knit ${words.slice(0, 2).join(' ')} --help\n`,
  })
})
