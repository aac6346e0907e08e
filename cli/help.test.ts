import { expect, test } from 'vitest'
import { idOf } from '#shared/client/wire-samples.ts'
import { described } from './described.ts'
import { root } from './root.ts'
import { helpOf, knit, tempDir } from './testing.ts'

const commands = [{ name: 'knit', examples: root.examples ?? [] }, ...(await described(root))]
const examples = commands.flatMap(({ name, examples }) =>
  examples.map((line) => [line, name] as const),
)

test.each(examples)('the example "%s" is one of %s, and no misuse', async (line, name) => {
  const [own = ''] = line.slice(line.indexOf('knit ')).split(' | ')
  expect(own).toMatch(new RegExp(`^${name}( |$)`))
  const words = own.replace(/ > \S+$/, '').replace(/\b[A-Z]+_ID\b/g, idOf('x'))
  // Without a profile a command that is understood goes no further.
  expect((await knit(words.split(' ').slice(1), tempDir())).code).not.toBe(2)
})

test('every command that takes words has an example', async () => {
  const without = (await described(root)).filter(
    ({ examples, positionals, flags }) =>
      examples.length === 0 && positionals.length + flags.length > 0,
  )
  expect(without.map(({ name }) => name)).toEqual([])
})

test('the help of init', async () => {
  expect(await helpOf('init')).toMatchInlineSnapshot(`
    "Make this directory a project of the system that a profile file describes. (knit init)

    USAGE knit init [OPTIONS] <KNIT_PROFILE_FILE>

    ARGUMENTS

      KNIT_PROFILE_FILE    A YAML file with apiRoot and cert, and a token if there is one. (Required)

    OPTIONS

         --token-file=<FILE>    File with the token to sign in with; - is stdin.
                   -y, --yes    Do not ask. Without a terminal nobody is asked anyway.

    EXAMPLES

      knit init ~/.local/state/knit/knitprofile
      knit init team.yaml --profile team --token-file token.txt"
  `)
})

test('the help of data find', async () => {
  expect(await helpOf('data find')).toMatchInlineSnapshot(`
    "Find data by tags and time. (knit data find)

    USAGE knit data find [OPTIONS]

    OPTIONS

                     -t, --tag=<KEY:VALUE>    A tag the data must carry; repeat it for more. (repeatable)
      --transient=<yes|true|no|false|both>    Only data that are not ready (yes), or only ready (no). (Default: both)
                            --since=<TIME>    Only what ended, or last changed, at or after this time. Or so long ago: 2h.
                            --until=<TIME>    Only what ended, or last changed, before this time.
                     --duration=<DURATION>    Length of the window from --since on, such as 90m, 24h or 7d.
                               --limit=<N>    At most so many, the newest first; without it there are all, the newest last.
           --output=<json|table|yaml|name>    json or yaml for programs, table for people, name for the first column of that alone. (Default: json)

    EXAMPLES

      knit data find --tag type:photo --since 2h --output table
      knit data find --transient yes --limit 10 --output name"
  `)
})

test('the help of data push', async () => {
  expect(await helpOf('data push')).toMatchInlineSnapshot(`
    "Upload a directory as data, with tags. (knit data push)

    USAGE knit data push [OPTIONS] <SOURCE...>

    ARGUMENTS

      SOURCE...    A directory, or a single file; - is a tar archive on stdin. (Required)

    OPTIONS

                -t, --tag=<KEY:VALUE>    A tag to put on the data, besides those of knitenv. (repeatable)
                           -n, --name    Also put the tag name:<name of the source>.
                    -L, --dereference    Follow symbolic links instead of keeping them.
      --output=<json|table|yaml|name>    json or yaml for programs, table for people, name for the first column of that alone. (Default: json)

    EXAMPLES

      knit data push ./photos --tag type:photo --name
      knit data push labels.csv more.csv --output name
      tar c --exclude .git . | knit data push - --tag type:code"
  `)
})

test('the help of data pull', async () => {
  expect(await helpOf('data pull')).toMatchInlineSnapshot(`
    "Download data, as an archive or unpacked. (knit data pull)

    USAGE knit data pull [OPTIONS] <KNIT_ID> [DEST]

    ARGUMENTS

      KNIT_ID    Id of the data. (Required)
         DEST    Directory it goes to; - writes the archive to stdout.

    OPTIONS

               -x, --extract    Unpack into DEST/KNIT_ID/ instead of keeping the archive.

    EXAMPLES

      knit data pull KNIT_ID results --extract
      knit data pull KNIT_ID - | tar tz"
  `)
})

test('the help of data tag', async () => {
  expect(await helpOf('data tag')).toMatchInlineSnapshot(`
    "Change the tags of data. (knit data tag)

    USAGE knit data tag [OPTIONS] <KNIT_ID>

    ARGUMENTS

      KNIT_ID    Id of the data. (Required)

    OPTIONS

                    --add=<KEY:VALUE>    A tag to put. (repeatable)
                 --remove=<KEY:VALUE>    An exact tag to take away. (repeatable)
                   --remove-key=<KEY>    A key of which every tag is taken away. (repeatable)
      --output=<json|table|yaml|name>    json or yaml for programs, table for people, name for the first column of that alone. (Default: json)

    EXAMPLES

      knit data tag KNIT_ID --add reviewed:yes --remove-key draft"
  `)
})

test('the help of data lineage', async () => {
  expect(await helpOf('data lineage')).toMatchInlineSnapshot(`
    "Draw where data come from and what came of them, as a Graphviz document. (knit data lineage)

    USAGE knit data lineage [OPTIONS] <KNIT_ID>

    ARGUMENTS

      KNIT_ID    Id of the data. (Required)

    OPTIONS

                -u, --upstream    Only upstream: what it comes from.
              -d, --downstream    Only downstream: what came of it.
        -n, --numbers=<NUMBER>    How many steps to go, or "all". (Default: 3)
      --output=<dot|json|yaml>    dot for Graphviz; json or yaml for programs: data, runs and what leads where. (Default: dot)

    EXAMPLES

      knit data lineage KNIT_ID --numbers all | dot -Tsvg > lineage.svg
      knit data lineage KNIT_ID --upstream --output json"
  `)
})

test('the help of plan template', async () => {
  expect(await helpOf('plan template')).toMatchInlineSnapshot(`
    "Write the file of a new plan, from an image or from scratch. (knit plan template)

    USAGE knit plan template [OPTIONS] [IMAGE]

    ARGUMENTS

      IMAGE    Which image of the archive, as IMAGE:TAG, if it holds more.

    OPTIONS

                   --scratch    Read no image; write a plan to fill in.
          -i, --input=<FILE>    Archive of the image (docker save); - reads stdin. (Default: -)

    EXAMPLES

      docker save demo:v1 | knit plan template > plan.yaml
      knit plan template --scratch"
  `)
})

test('the help of plan apply', async () => {
  expect(await helpOf('plan apply')).toMatchInlineSnapshot(`
    "Register a plan. (knit plan apply)

    USAGE knit plan apply [OPTIONS] <PLAN_FILE>

    ARGUMENTS

      PLAN_FILE    A YAML file; - reads stdin. (Required)

    OPTIONS

                            --dry-run    Register nothing; tell which runs the plan would start now.
      --output=<json|table|yaml|name>    json or yaml for programs, table for people, name for the first column of that alone. (Default: json)

    EXAMPLES

      knit plan apply plan.yaml --output name"
  `)
})

test('the help of plan find', async () => {
  expect(await helpOf('plan find')).toMatchInlineSnapshot(`
    "Find plans. (knit plan find)

    USAGE knit plan find [OPTIONS]

    OPTIONS

      --active=<yes|true|no|false|both>    Only active, or only inactive ones. (Default: both)
                  --image=<IMAGE[:TAG]>    Image, as REPOSITORY[:TAG]; without a tag any tag fits.
               -i, --in-tag=<KEY:VALUE>    A tag; one input must ask for all of them. (repeatable)
              -o, --out-tag=<KEY:VALUE>    A tag; one output, or the log, must put all of them. (repeatable)
                            --limit=<N>    At most so many, the newest first; without it there are all, the newest last.
        --output=<json|table|yaml|name>    json or yaml for programs, table for people, name for the first column of that alone. (Default: json)

    EXAMPLES

      knit plan find --in-tag type:photo --active yes --output table"
  `)
})

test('the help of plan show', async () => {
  expect(await helpOf('plan show')).toMatchInlineSnapshot(`
    "Show one plan. (knit plan show)

    USAGE knit plan show [OPTIONS] <PLAN_ID>

    ARGUMENTS

      PLAN_ID    Id of the plan. (Required)

    OPTIONS

      --output=<json|table|yaml|name>    json or yaml for programs, table for people, name for the first column of that alone. (Default: json)

    EXAMPLES

      knit plan show PLAN_ID --output yaml"
  `)
})

test('the help of plan active', async () => {
  expect(await helpOf('plan active')).toMatchInlineSnapshot(`
    "Activate a plan (yes), or hold its runs back (no). (knit plan active)

    USAGE knit plan active [OPTIONS] <ACTIVE> <PLAN_ID>

    ARGUMENTS

       ACTIVE    yes or no. (Required)
      PLAN_ID    Id of the plan. (Required)

    OPTIONS

                          --allow=<N>    How many runs a paused plan may create of what fits it now.
      --output=<json|table|yaml|name>    json or yaml for programs, table for people, name for the first column of that alone. (Default: json)

    EXAMPLES

      knit plan active no PLAN_ID"
  `)
})

test('the help of plan resource', async () => {
  expect(await helpOf('plan resource')).toMatchInlineSnapshot(`
    "Change what each run of a plan may use, from the next one that begins on. (knit plan resource)

    USAGE knit plan resource [OPTIONS] <PLAN_ID>

    ARGUMENTS

      PLAN_ID    Id of the plan. (Required)

    OPTIONS

            -s, --set=<TYPE=QUANTITY>    A limit to put; of one type the last one counts. (repeatable)
                   -u, --unset=<TYPE>    Remove the limit of a type; wins over --set. (repeatable)
      --output=<json|table|yaml|name>    json or yaml for programs, table for people, name for the first column of that alone. (Default: json)

    EXAMPLES

      knit plan resource PLAN_ID --set memory=4Gi --unset nvidia.com/gpu"
  `)
})

test('the help of plan annotate', async () => {
  expect(await helpOf('plan annotate')).toMatchInlineSnapshot(`
    "Change the annotations of a plan. (knit plan annotate)

    USAGE knit plan annotate [OPTIONS] <PLAN_ID>

    ARGUMENTS

      PLAN_ID    Id of the plan. (Required)

    OPTIONS

                    --add=<KEY=VALUE>    An annotation to put. (repeatable)
                 --remove=<KEY=VALUE>    An exact annotation to take away. (repeatable)
        --remove-key=<ANNOTATION_KEY>    A key of which every annotation is taken away. (repeatable)
      --output=<json|table|yaml|name>    json or yaml for programs, table for people, name for the first column of that alone. (Default: json)

    EXAMPLES

      knit plan annotate PLAN_ID --add owner=ann --remove-key draft"
  `)
})

test('the help of plan serviceaccount', async () => {
  expect(await helpOf('plan serviceaccount')).toMatchInlineSnapshot(`
    "Say which service account runs of a plan have, from the next one that begins on. (knit plan serviceaccount)

    USAGE knit plan serviceaccount [OPTIONS] <PLAN_ID>

    ARGUMENTS

      PLAN_ID    Id of the plan. (Required)

    OPTIONS

                         --set=<NAME>    The account, which must be one that plans may name.
                              --unset    The usual account again.
      --output=<json|table|yaml|name>    json or yaml for programs, table for people, name for the first column of that alone. (Default: json)

    EXAMPLES

      knit plan serviceaccount PLAN_ID --set trainer
      knit plan serviceaccount PLAN_ID --unset"
  `)
})

test('the help of plan graph', async () => {
  expect(await helpOf('plan graph')).toMatchInlineSnapshot(`
    "Draw which plans feed a plan and which it feeds, as a Graphviz document. (knit plan graph)

    USAGE knit plan graph [OPTIONS] <PLAN_ID>

    ARGUMENTS

      PLAN_ID    Id of the plan. (Required)

    OPTIONS

              -u, --upstream    Only upstream: what it comes from.
            -d, --downstream    Only downstream: what came of it.
      -n, --numbers=<NUMBER>    How many steps to go, or "all". (Default: 3)

    EXAMPLES

      knit plan graph PLAN_ID --downstream | dot -Tsvg > plans.svg"
  `)
})

test('the help of run find', async () => {
  expect(await helpOf('run find')).toMatchInlineSnapshot(`
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

    EXAMPLES

      knit run find --status failed --since 1d --output table
      knit run find --limit 20 --output table
      knit run find --planid PLAN_ID --output name"
  `)
})

test('the help of run show', async () => {
  expect(await helpOf('run show')).toMatchInlineSnapshot(`
    "Show one run. (knit run show)

    USAGE knit run show [OPTIONS] <RUN_ID>

    ARGUMENTS

      RUN_ID    Id of the run. (Required)

    OPTIONS

                            --history    Show instead all that happened to it, and how long each part took.
                                --log    Print the log of the run instead.
                         -f, --follow    With --log: go on until the program ends.
      --output=<json|table|yaml|name>    json or yaml for programs, table for people, name for the first column of that alone. Else json, or, of a --history on a terminal, table.

    EXAMPLES

      knit run show RUN_ID --log --follow
      knit run show RUN_ID --history"
  `)
})

test('the help of run stop', async () => {
  expect(await helpOf('run stop')).toMatchInlineSnapshot(`
    "Stop runs: each is done with what it has written so far, or fails. (knit run stop)

    USAGE knit run stop [OPTIONS] <RUN_ID...>

    ARGUMENTS

      RUN_ID...    Ids of runs. (Required)

    OPTIONS

                  -x, --fail    Let them fail.

    EXAMPLES

      knit run stop RUN_ID --fail"
  `)
})

test('the help of run retry', async () => {
  expect(await helpOf('run retry')).toMatchInlineSnapshot(`
    "Execute finished runs once more; what they had written is deleted. (knit run retry)

    USAGE knit run retry [OPTIONS] <RUN_ID...>

    ARGUMENTS

      RUN_ID...    Ids of runs. (Required)

    OPTIONS

                   -y, --yes    Do not ask. Without a terminal nobody is asked anyway.

    EXAMPLES

      knit run retry RUN_ID"
  `)
})

test('the help of run rm', async () => {
  expect(await helpOf('run rm')).toMatchInlineSnapshot(`
    "Delete finished runs with what they have written; their inputs are never combined again. (knit run rm)

    USAGE knit run rm [OPTIONS] <RUN_ID...>

    ARGUMENTS

      RUN_ID...    Ids of runs. (Required)

    OPTIONS

                   -y, --yes    Do not ask. Without a terminal nobody is asked anyway.

    EXAMPLES

      knit run rm RUN_ID --yes"
  `)
})

test('the help of version', async () => {
  expect(await helpOf('version')).toMatchInlineSnapshot(`
    "Print the version of this program. (knit version)

    USAGE knit version [OPTIONS]

    OPTIONS

                    --server    Also print that of the server of this directory.

    EXAMPLES

      knit version --server"
  `)
})

test('the help of license', async () => {
  expect(await helpOf('license')).toMatchInlineSnapshot(`
    "Print the licence of this program, and those of what it is made of. (knit license)

    USAGE knit license [OPTIONS]

    OPTIONS"
  `)
})

test.each<[Parameters<typeof knit>[2], boolean]>([
  [{ terminal: true }, true],
  [{ terminal: true, env: { NO_COLOR: '1' } }, false],
  [{ terminal: true, env: { TERM: 'dumb' } }, false],
  [{}, false],
])('help with %j is coloured: %s', async (how, coloured) => {
  const { stderr } = await knit(['data', 'push', '--help'], tempDir(), how)
  expect(stderr.includes('\u001b[')).toBe(coloured)
})
