import { readFileSync } from 'node:fs'
import { join } from 'node:path'
import { expect, test } from 'vitest'
import { described } from './described.ts'
import { root } from './root.ts'
import { helpOf, knit, tempDir } from './testing.ts'

// Every command whose help is in no test of its own.
const source = readFileSync(join(import.meta.dirname, 'help.test.ts'), 'utf8')
const alone = new Set([...source.matchAll(/await helpOf\('([^']+)'\)/g)].map(([, name]) => name))
const names = (await described(root)).map(({ name }) => name.replace(/^knit /, ''))
const others = names.filter((name) => !alone.has(name))

/** The help of the others that are named so, one after another. */
async function helpOfThose(named: RegExp): Promise<string> {
  const helps = others.filter((name) => named.test(name)).map(helpOf)
  return (await Promise.all(helps)).join('\n\n--\n\n')
}

test('the help of the other commands of data, plans and runs', async () => {
  expect(await helpOfThose(/^(data|plan|run) /)).toMatchInlineSnapshot(`
    "Show one data: its tags, what made it, what reads it, and the room it takes. (knit data show)

    USAGE knit data show [OPTIONS] <KNIT_ID>

    ARGUMENTS

      KNIT_ID    Id of the data. (Required)

    OPTIONS

      --output=<json|table|yaml|name>    json or yaml for programs, table for people, name for the first column of that alone. (Default: json)

    EXAMPLES

      knit data show KNIT_ID --output yaml

    --

    List the files of data. (knit data ls)

    USAGE knit data ls [OPTIONS] <KNIT_ID> [PATH]

    ARGUMENTS

      KNIT_ID    Id of the data. (Required)
         PATH    Only this directory, or this file.

    OPTIONS

      --output=<json|table|yaml|name>    json or yaml for programs, table for people, name for the first column of that alone. (Default: name)

    EXAMPLES

      knit data ls KNIT_ID images
      knit data ls KNIT_ID --output table

    --

    Print files of data, in the order in which they lie there. (knit data cat)

    USAGE knit data cat [OPTIONS] <KNIT_ID> <PATH...>

    ARGUMENTS

      KNIT_ID    Id of the data. (Required)
      PATH...    Files, as knit data ls lists them. (Required)

    OPTIONS

    EXAMPLES

      knit data cat KNIT_ID report.txt

    --

    Show how much room it takes what runs of a plan have written. (knit plan usage)

    USAGE knit plan usage [OPTIONS] <PLAN_ID>

    ARGUMENTS

      PLAN_ID    Id of the plan. (Required)

    OPTIONS

      --output=<json|table|yaml|name>    json or yaml for programs, table for people, name for the first column of that alone. (Default: json)

    EXAMPLES

      knit plan usage PLAN_ID --output table

    --

    Wait until runs have ended; fails when one of them did not succeed. (knit run wait)

    USAGE knit run wait [OPTIONS] [RUN_ID...]

    ARGUMENTS

      RUN_ID...    Ids of runs.

    OPTIONS

               -p, --planid=<PLAN_ID>    Wait until there is a run of this plan, and until all that it has have ended. (repeatable)
            -i, --in-knitid=<KNIT_ID>    Wait until a run reads this data, and until all that read it have ended. (repeatable)
                     --timeout=<SPAN>    Fail, and say where they stand, when it takes longer: 30m, 2h.
      --output=<json|table|yaml|name>    json or yaml for programs, table for people, name for the first column of that alone. (Default: json)

    EXAMPLES

      knit run wait RUN_ID
      knit run wait --planid PLAN_ID --output table
      knit run wait --in-knitid KNIT_ID --timeout 1h"
  `)
})

test('the help of the other commands that stand alone', async () => {
  expect(await helpOfThose(/^\S+$/)).toMatchInlineSnapshot(`
    "Sign in to the system of this directory, at its provider, or with a token that you have. (knit login)

    USAGE knit login [OPTIONS]

    OPTIONS

         --token-file=<FILE>    File with the token to sign in with; - is stdin.

    EXAMPLES

      knit login
      knit login --token-file token.txt

    --

    Forget how you sign in to the system of this directory, and tell its provider so. (knit logout)

    USAGE knit logout [OPTIONS]

    OPTIONS

    --

    Explain why data, or what a run has written, started a run of a plan, or why not. (knit explain)

    USAGE knit explain [OPTIONS] <PLAN_ID>

    ARGUMENTS

      PLAN_ID    Id of the plan. (Required)

    OPTIONS

                     --data=<KNIT_ID>    Id of a data.
                       --run=<RUN_ID>    Id of a run, in the place of a data.
      --output=<json|table|yaml|name>    json or yaml for programs, table for people, name for the first column of that alone. (Default: json)

    EXAMPLES

      knit explain PLAN_ID --data KNIT_ID --output table
      knit explain PLAN_ID --run RUN_ID

    --

    Show who you are to the system of this directory, and what you may do there. (knit whoami)

    USAGE knit whoami [OPTIONS]

    OPTIONS

      --output=<json|table|yaml|name>    json or yaml for programs, table for people, name for the first column of that alone. (Default: json)

    EXAMPLES

      knit whoami --output json

    --

    Print what teaches a shell to complete commands, flags, ids and tags. (knit completion)

    USAGE knit completion [OPTIONS] <SHELL>

    ARGUMENTS

      SHELL    bash, zsh or fish; how to use it is on the first lines. (Required)

    OPTIONS

    EXAMPLES

      knit completion fish > ~/.config/fish/completions/knit.fish"
  `)
})

test('the help of the commands that look after a system', async () => {
  expect(await helpOfThose(/^admin /)).toMatchInlineSnapshot(`
    "Check that everything holds that must always hold; fails when something does not. (knit admin check)

    USAGE knit admin check [OPTIONS]

    OPTIONS

                 --patience=<SECONDS>    Seconds that work may be in progress. 0: nothing goes on, so nothing may be left to do. (Default: 60)
      --output=<json|table|yaml|name>    json or yaml for programs, table for people, name for the first column of that alone. (Default: json)

    EXAMPLES

      knit admin check --output table

    --

    List undelivered events; \`replay ID…\` publishes dead ones again, \`drop ID…\` forgets them. (knit admin events)

    USAGE knit admin events [OPTIONS] [VERB] [EVENT_ID...]

    ARGUMENTS

             VERB    replay or drop; without it they are listed.
      EVENT_ID...    Ids of dead events.

    OPTIONS

                               --dead    Only dead ones, of which every delivery failed.
                          --limit=<N>    How many at the most. (Default: 100)
                            -y, --yes    Do not ask. Without a terminal nobody is asked anyway.
      --output=<json|table|yaml|name>    json or yaml for programs, table for people, name for the first column of that alone. (Default: json)

    EXAMPLES

      knit admin events --dead --output table
      knit admin events replay EVENT_ID

    --

    List calls of after-hooks, the newest first. (knit admin hooks)

    USAGE knit admin hooks [OPTIONS]

    OPTIONS

                               --open    Only those that no hook has taken.
                          --limit=<N>    How many at the most. (Default: 100)
      --output=<json|table|yaml|name>    json or yaml for programs, table for people, name for the first column of that alone. (Default: json)

    EXAMPLES

      knit admin hooks --open --output table

    --

    Make a token to sign in with. Its secret is in the answer, and nowhere else. (knit admin token create)

    USAGE knit admin token create [OPTIONS] <NAME> --role=<viewer|user|admin>

    ARGUMENTS

      NAME    Name of a token. (Required)

    OPTIONS

           --role=<viewer|user|admin>    viewer: reads; user: changes data, plans and runs as well; admin: looks after the system. (Required)
                     --expires=<SPAN>    How long it is good for, such as 12h. (Default: 90d)
      --output=<json|table|yaml|name>    json or yaml for programs, table for people, name for the first column of that alone. (Default: json)

    EXAMPLES

      knit admin token create ci --role user --expires 30d

    --

    List tokens, the newest first, also those that cannot be used any more. (knit admin token list)

    USAGE knit admin token list [OPTIONS]

    OPTIONS

                          --limit=<N>    How many at the most. (Default: 100)
      --output=<json|table|yaml|name>    json or yaml for programs, table for people, name for the first column of that alone. (Default: json)

    EXAMPLES

      knit admin token list --output table

    --

    Revoke a token: within 5 seconds nobody signs in with it, for good. (knit admin token revoke)

    USAGE knit admin token revoke [OPTIONS] <TOKEN_NAME>

    ARGUMENTS

      TOKEN_NAME    Name of a token. (Required)

    OPTIONS

                   -y, --yes    Do not ask. Without a terminal nobody is asked anyway.

    EXAMPLES

      knit admin token revoke ci

    --

    List who has changed what, and who was not allowed to, the newest first. (knit admin audit)

    USAGE knit admin audit [OPTIONS]

    OPTIONS

                       --actor=<NAME>    Only by this one.
                       --subject=<ID>    Only about the thing with this id, or name.
                       --since=<TIME>    Only at or after this time. Or so long ago: 2h, 7d.
                          --limit=<N>    How many at the most. (Default: 100)
      --output=<json|table|yaml|name>    json or yaml for programs, table for people, name for the first column of that alone. (Default: json)

    EXAMPLES

      knit admin audit --since 1d
      knit admin audit --actor ci

    --

    List volumes that nobody needs any more and that are still there, those first whose turn comes next. (knit admin garbage)

    USAGE knit admin garbage [OPTIONS]

    OPTIONS

                              --stuck    Only those that could not be deleted.
                          --limit=<N>    How many at the most. (Default: 100)
      --output=<json|table|yaml|name>    json or yaml for programs, table for people, name for the first column of that alone. (Default: json)

    EXAMPLES

      knit admin garbage --stuck --output table"
  `)
})

test('the help of the commands of profiles', async () => {
  expect(await helpOfThose(/^profile /)).toMatchInlineSnapshot(`
    "List the profiles that init has saved, and which one counts here. (knit profile list)

    USAGE knit profile list [OPTIONS]

    OPTIONS

      --output=<json|table|yaml|name>    json or yaml for programs, table for people, name for the first column of that alone. (Default: json)

    EXAMPLES

      knit profile list --output table

    --

    Let a profile that init has saved count in this directory, and below it. (knit profile use)

    USAGE knit profile use [OPTIONS] <PROFILE_NAME>

    ARGUMENTS

      PROFILE_NAME    Name of the profile. (Required)

    OPTIONS

    EXAMPLES

      knit profile use team

    --

    Forget a profile that init has saved; the system it leads to stays as it is. (knit profile rm)

    USAGE knit profile rm [OPTIONS] <PROFILE_NAME>

    ARGUMENTS

      PROFILE_NAME    Name of the profile. (Required)

    OPTIONS

                   -y, --yes    Do not ask. Without a terminal nobody is asked anyway.

    EXAMPLES

      knit profile rm team"
  `)
})

test('the help of the commands of a local home', async () => {
  expect(await helpOfThose(/^local /)).toMatchInlineSnapshot(`
    "Start the system on this machine. (knit local start)

    USAGE knit local start [OPTIONS]

    OPTIONS

                               --home=<DIR>    Directory it lives in; else $KNIT_HOME, else ~/.local/state/knit.
                              --port=<PORT>    Port to listen on; 0 takes any free one.
      --engine=<auto|docker|podman|sandbox>    What runs the containers.
                           --database=<URL>    A Postgres to use instead of the one inside; its password better from $PGPASSWORD.
                                    --adopt    Take a --database over from another home that is gone for good, with its files.
                                     --auth    Ask for a token, also of this machine; it is in the file of the profile.
                                   --detach    Start it in the background, and return once it answers.

    EXAMPLES

      knit local start --detach
      knit local start --home ./home --port 30803

    --

    Say whether the system of this machine runs: exit code 0 when it does, 1 when not. (knit local status)

    USAGE knit local status [OPTIONS]

    OPTIONS

                         --home=<DIR>    Directory it lives in; else $KNIT_HOME, else ~/.local/state/knit.
      --output=<json|table|yaml|name>    json or yaml for programs, table for people, name for the first column of that alone. Else a sentence.

    EXAMPLES

      knit local status
      knit local status --output json

    --

    Stop the system of this machine; its data stay. (knit local stop)

    USAGE knit local stop [OPTIONS]

    OPTIONS

                --home=<DIR>    Directory it lives in; else $KNIT_HOME, else ~/.local/state/knit.

    EXAMPLES

      knit local stop
      knit local stop --home ./home

    --

    Delete the system of this machine with all its data, plans and runs. (knit local reset)

    USAGE knit local reset [OPTIONS]

    OPTIONS

                --home=<DIR>    Directory it lives in; else $KNIT_HOME, else ~/.local/state/knit.
                   -y, --yes    Do not ask.

    EXAMPLES

      knit local reset --home ./home

    --

    Register a root file system, or the archive of an image, under a name. (knit local image add)

    USAGE knit local image add [OPTIONS] <IMAGE_NAME> <SOURCE>

    ARGUMENTS

      IMAGE_NAME    Name of the image, as NAME:TAG. (Required)
          SOURCE    A directory with a root file system, or an archive. (Required)

    OPTIONS

                         --home=<DIR>    Directory it lives in; else $KNIT_HOME, else ~/.local/state/knit.
      --output=<json|table|yaml|name>    json or yaml for programs, table for people, name for the first column of that alone. (Default: json)

    EXAMPLES

      knit local image add demo:v1 demo.tar

    --

    List the images that were added. (knit local image list)

    USAGE knit local image list [OPTIONS]

    OPTIONS

                         --home=<DIR>    Directory it lives in; else $KNIT_HOME, else ~/.local/state/knit.
      --output=<json|table|yaml|name>    json or yaml for programs, table for people, name for the first column of that alone. (Default: json)

    EXAMPLES

      knit local image list
      knit local image list --output table

    --

    Delete an image that was added. (knit local image rm)

    USAGE knit local image rm [OPTIONS] <IMAGE_NAME>

    ARGUMENTS

      IMAGE_NAME    Name of the image, as NAME:TAG. (Required)

    OPTIONS

                --home=<DIR>    Directory it lives in; else $KNIT_HOME, else ~/.local/state/knit.
                   -y, --yes    Do not ask. Without a terminal nobody is asked anyway.

    EXAMPLES

      knit local image rm demo:v1"
  `)
})

test('every command is among those', () => {
  const groups = ['data', 'plan', 'run', 'admin', 'profile', 'local']
  const shown = others.filter(
    (name) => !name.includes(' ') || groups.includes(name.split(' ')[0] ?? ''),
  )
  expect(shown).toEqual(others)
})

test('the help of a group says what is in it', async () => {
  const groups = ['data', 'run', 'admin', 'admin token', 'profile', 'local', 'local image']
  const helps = groups.map(async (name) => {
    const { code, stderr } = await knit([...name.split(' '), '--help'], tempDir())
    expect(code).toBe(0)
    return stderr.split('\nUse knit')[0]
  })
  expect((await Promise.all(helps)).join('\n--\n\n')).toMatchInlineSnapshot(`
    "Push, find, tag and pull data, look into them, and see where they come from. (knit data)

    USAGE knit data find|show|push|pull|ls|cat|tag|lineage

    COMMANDS

         find    Find data by tags and time.
         show    Show one data: its tags, what made it, what reads it, and the room it takes.
         push    Upload a directory as data, with tags.
         pull    Download data, as an archive or unpacked.
           ls    List the files of data.
          cat    Print files of data, in the order in which they lie there.
          tag    Change the tags of data.
      lineage    Draw where data come from and what came of them, as a Graphviz document.

    --

    Find runs, read their logs, wait for them; stop, retry and delete them. (knit run)

    USAGE knit run find|show|wait|stop|retry|rm

    COMMANDS

       find    Find runs.
       show    Show one run.
       wait    Wait until runs have ended; fails when one of them did not succeed.
       stop    Stop runs: each is done with what it has written so far, or fails.
      retry    Execute finished runs once more; what they had written is deleted.
         rm    Delete finished runs with what they have written; their inputs are never combined again.

    --

    Look after the system. (knit admin)

    USAGE knit admin check|events|hooks|token|audit|garbage

    COMMANDS

        check    Check that everything holds that must always hold; fails when something does not.
       events    List undelivered events; \`replay ID…\` publishes dead ones again, \`drop ID…\` forgets them.
        hooks    List calls of after-hooks, the newest first.
        token    Make, list and revoke tokens to sign in with.
        audit    List who has changed what, and who was not allowed to, the newest first.
      garbage    List volumes that nobody needs any more and that are still there, those first whose turn comes next.

    --

    Make, list and revoke tokens to sign in with. (knit admin token)

    USAGE knit admin token create|list|revoke

    COMMANDS

      create    Make a token to sign in with. Its secret is in the answer, and nowhere else.
        list    List tokens, the newest first, also those that cannot be used any more.
      revoke    Revoke a token: within 5 seconds nobody signs in with it, for good.

    --

    List, choose and forget the systems this machine knows. (knit profile)

    USAGE knit profile list|use|rm

    COMMANDS

      list    List the profiles that init has saved, and which one counts here.
       use    Let a profile that init has saved count in this directory, and below it.
        rm    Forget a profile that init has saved; the system it leads to stays as it is.

    --

    Run the whole system on this machine. (knit local)

    USAGE knit local start|status|stop|reset|image

    COMMANDS

       start    Start the system on this machine.
      status    Say whether the system of this machine runs: exit code 0 when it does, 1 when not.
        stop    Stop the system of this machine; its data stay.
       reset    Delete the system of this machine with all its data, plans and runs.
       image    Images for a machine without a container engine.

    --

    Images for a machine without a container engine. (knit local image)

    USAGE knit local image add|list|rm

    COMMANDS

       add    Register a root file system, or the archive of an image, under a name.
      list    List the images that were added.
        rm    Delete an image that was added.
    "
  `)
})
