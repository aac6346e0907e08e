import { createHash } from 'node:crypto'
import { mkdirSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { afterEach, beforeEach, expect, test } from 'vitest'
import { entry, tgz } from '#shared/archive/test-archives.ts'
import { stubOfTheWire, type Seen, type StubAnswer } from '#shared/client/stub-of-the-wire.ts'
import { idOf, sampleData, samplePlan, sampleRun } from '#shared/client/wire-samples.ts'
import { knit, projectFor } from './testing.ts'

const zone = process.env.TZ
beforeEach(() => void (process.env.TZ = 'Asia/Tokyo'))
afterEach(() => {
  if (zone === undefined) delete process.env.TZ
  else process.env.TZ = zone
})

const at = '2026-01-02T03:04:05.678+00:00'
const [data, plan, run] = ['d1', 'p1', 't1'].map(idOf) as [string, string, string]
const points = { inputs: [['/in', 'd1']], outputs: [['/out', 'm1']] } as never
const train = sampleRun('t1', points, { status: 'done' })
const archive = tgz(entry({ name: 'a' }, 'text\n'))
const md5 = createHash('md5').update(archive).digest('hex')
const token = {
  name: 'ci',
  role: 'user',
  state: 'valid',
  createdBy: 'ann',
  createdAt: at,
  expiresAt: at,
}
const dryRun = { starts: 2, more: false, runs: [], inputs: [], reasons: ['no data fits /b'] }
const fitting = {
  path: '/a',
  fits: true,
  missing: [],
  runs: [{ runId: run, status: 'done' }],
  reasons: [],
}
const unfit = { path: '/b', fits: false, missing: ['type:x'], runs: [], reasons: ['it has none'] }
const file = { path: 'a.txt', type: 'file', size: 5, mode: '644', mtime: at }
const event = { eventId: idOf('e1'), name: 'run.ready', subject: run, data: {}, time: at }
const dead = { step: 'start-run', cause: 'it always fails', times: 7, since: at, at }

/** What a server answers that has one of everything; the first that fits counts. */
const answers: [asked: RegExp, answer: unknown][] = [
  [/^\w+ \/api\/data\/[^/]+\/files/, { files: [file, { ...file, path: 'd', type: 'directory' }] }],
  [/^GET \/api\/data\?/, [sampleData('d1', train)]],
  [/^\w+ \/api\/data/, sampleData('d1', train, [], ['type:a', 'name:set'])],
  [/^POST \/api\/plans\?dryRun/, { ...samplePlan('p1'), dryRun }],
  [/^GET \/api\/plans(\?|$)/, [samplePlan('p1')]],
  [/^GET .*\/usage/, { planId: plan, runs: 3, data: 6, files: 12, bytes: 3_000_000 }],
  [/^\w+ \/api\/plans/, samplePlan('p1')],
  [/^PUT .*\/(abort|tearoff)/, { ...train, status: 'completing' }],
  [/^(PUT .*\/retry|DELETE)/, undefined],
  [/^GET \/api\/runs\?/, [train]],
  [/^\w+ \/api\/runs/, train],
  [
    /^GET \/api\/explain/,
    {
      planId: plan,
      data: [{ knitId: data, inputs: [fitting, unfit] }],
      reasons: ['it is inactive'],
    },
  ],
  [/^GET \/api\/whoami/, { name: 'token:ann', role: 'viewer', address: '192.0.2.1' }],
  [/^GET \/api\/admin\/events/, [{ ...event, dead }]],
  [/^POST \/api\/admin\/events\/replay/, { replayed: 1 }],
  [/^POST \/api\/admin\/events\/drop/, { dropped: 1 }],
  [
    /^GET \/api\/admin\/hooks/,
    [
      {
        deliveryId: idOf('h1'),
        runId: run,
        attempt: 1,
        status: 'done',
        url: 'http://hook/',
        state: 'due',
        failures: 3,
        error: 'it answered 500',
        createdAt: at,
      },
    ],
  ],
  [/^GET \/api\/admin\/tokens/, [token]],
  [/^POST \/api\/admin\/tokens/, { ...token, secret: 'knit_secret' }],
  [
    /^GET \/api\/admin\/audit/,
    [
      {
        auditId: idOf('a1'),
        time: at,
        actor: 'ann',
        address: '192.0.2.1',
        route: 'runs.abort',
        subjects: [run],
        status: 200,
        requestId: 'r',
        trace: 't',
      },
    ],
  ],
  [
    /^GET \/api\/admin\/garbage/,
    [{ volume: 'v1', failures: 3, reason: 'still mounted', createdAt: at, dueAt: at }],
  ],
  [/^GET \/api\/admin\/check/, [{ sentence: 'All is well.', state: 'holds', things: [] }]],
]

function answer({ method, url }: Seen): StubAnswer {
  // Whoever wants to try a plan out finds out first whether that can be.
  if (url.includes('plan=00000000-0000-0000-'))
    return { status: 404, json: { code: 'plan-not-found', detail: 'none' } }
  if (url === `/api/data/${data}` && method === 'GET')
    return { body: archive, trailers: { 'x-checksum-md5': md5 } }
  return { json: answers.find(([asked]) => asked.test(`${method} ${url}`))?.[1] }
}

const ids: Record<string, string> = { D: data, P: plan, R: run }

/** What lines print, on stdout or on stderr, one after another. */
async function printed(lines: string[], stream: 'stdout' | 'stderr', ...flags: string[]) {
  await using stub = await stubOfTheWire(answer)
  let all = ''
  for (const line of lines) {
    const dir = projectFor(stub)
    mkdirSync(join(dir, 'set'))
    writeFileSync(join(dir, 'set/a'), 'x')
    writeFileSync(join(dir, 'plan.yaml'), 'image: a/b:v1\n')
    writeFileSync(join(dir, 'given'), 'apiRoot: http://127.0.0.1:1/api\n')
    const words = line.split(' ').map((word) => ids[word] ?? word)
    const said = await knit([...words, ...flags], dir)
    const shown = said[stream]
      .replaceAll(dir, 'DIR')
      .replaceAll(stub.apiRoot, 'http://HOST/api')
      .replace(/ \d{4}\/\d\d\/\d\d \d\d:\d\d:\d\d /g, ' TIME ')
    all += `$ knit ${line}\n${shown}`
  }
  return all
}

const printing = [
  'data push set',
  'data tag D --add a:b',
  'data ls D',
  'plan apply plan.yaml',
  'plan apply plan.yaml --dry-run',
  'plan find',
  'plan usage P',
  'plan active yes P',
  'plan resource P --set cpu=1',
  'plan annotate P --add a=b',
  'plan serviceaccount P --set trainer',
  'run show R',
  'run wait R',
  'explain P --data D',
  'whoami',
  'admin events --dead',
  'admin events replay e1',
  'admin events drop e1',
  'admin hooks',
  'admin token create ci --role user',
  'admin token list',
  'admin audit',
  'admin garbage',
  'admin check',
  'profile list',
]

test('what is printed for people', async () => {
  expect(await printed(printing, 'stdout', '--output', 'table')).toMatchInlineSnapshot(`
    "$ knit data push set
    KNIT ID                               TIMESTAMP                      STATE  TAGS
    00000000-0000-4000-8000-000000006431  2025-01-02T12:04:05.678+09:00  ready  type:a, name:set
    $ knit data tag D --add a:b
    KNIT ID                               TIMESTAMP                      STATE  TAGS
    00000000-0000-4000-8000-000000006431  2025-01-02T12:04:05.678+09:00  ready  type:a, name:set
    $ knit data ls D
    PATH   SIZE  MODE  LINK TO
    a.txt  5     644
    d/     5     644
    $ knit plan apply plan.yaml
    PLAN ID                               ACTIVE  IMAGE           INPUTS  OUTPUTS
    00000000-0000-4000-8000-000000007031  yes     reg.test/p1:v1  /in     /out
    $ knit plan apply plan.yaml --dry-run
    PLAN ID                               ACTIVE  IMAGE           INPUTS  OUTPUTS
    00000000-0000-4000-8000-000000007031  yes     reg.test/p1:v1  /in     /out
    $ knit plan find
    PLAN ID                               ACTIVE  IMAGE           INPUTS  OUTPUTS
    00000000-0000-4000-8000-000000007031  yes     reg.test/p1:v1  /in     /out
    $ knit plan usage P
    PLAN ID                               RUNS  DATA  FILES  SIZE
    00000000-0000-4000-8000-000000007031  3     6     12     2.9 MiB
    $ knit plan active yes P
    PLAN ID                               ACTIVE  IMAGE           INPUTS  OUTPUTS
    00000000-0000-4000-8000-000000007031  yes     reg.test/p1:v1  /in     /out
    $ knit plan resource P --set cpu=1
    PLAN ID                               ACTIVE  IMAGE           INPUTS  OUTPUTS
    00000000-0000-4000-8000-000000007031  yes     reg.test/p1:v1  /in     /out
    $ knit plan annotate P --add a=b
    PLAN ID                               ACTIVE  IMAGE           INPUTS  OUTPUTS
    00000000-0000-4000-8000-000000007031  yes     reg.test/p1:v1  /in     /out
    $ knit plan serviceaccount P --set trainer
    PLAN ID                               ACTIVE  IMAGE           INPUTS  OUTPUTS
    00000000-0000-4000-8000-000000007031  yes     reg.test/p1:v1  /in     /out
    $ knit run show R
    run      00000000-0000-4000-8000-000000007431
    status   done
    plan     00000000-0000-4000-8000-6c616e207431  knit#uploaded
    updated  2025-01-02T12:04:05.678+09:00
    input    00000000-0000-4000-8000-000000006431  /in
    output   00000000-0000-4000-8000-000000006d31  /out
    $ knit run wait R
    RUN ID                                STATUS  UPDATED                        TOOK  IMAGE          WHY
    00000000-0000-4000-8000-000000007431  done    2025-01-02T12:04:05.678+09:00        knit#uploaded
    $ knit explain P --data D
    KNIT ID                               INPUT  FITS  MISSING  RUNS                                         WHY
    00000000-0000-4000-8000-000000006431  /a     yes            00000000-0000-4000-8000-000000007431 (done)
    00000000-0000-4000-8000-000000006431  /b     no    type:x                                                it has none
    $ knit whoami
    NAME       ROLE    FROM
    token:ann  viewer  192.0.2.1
    $ knit admin events --dead
    EVENT ID                              TIME                           NAME       SUBJECT                               STEP       SINCE                          TIMES  CAUSE
    00000000-0000-4000-8000-000000006531  2026-01-02T12:04:05.678+09:00  run.ready  00000000-0000-4000-8000-000000007431  start-run  2026-01-02T12:04:05.678+09:00  7      it always fails
    $ knit admin events replay e1
    REPLAYED
    1
    $ knit admin events drop e1
    DROPPED
    1
    $ knit admin hooks
    RUN ID                                STATUS  HOOK          STATE  FAILURES  ERROR
    00000000-0000-4000-8000-000000007431  done    http://hook/  due    3         it answered 500
    $ knit admin token create ci --role user
    NAME  ROLE  STATE  EXPIRES                        LAST USED  MADE BY  REVOKED BY  SECRET
    ci    user  valid  2026-01-02T12:04:05.678+09:00             ann                  knit_secret
    $ knit admin token list
    NAME  ROLE  STATE  EXPIRES                        LAST USED  MADE BY  REVOKED BY
    ci    user  valid  2026-01-02T12:04:05.678+09:00             ann
    $ knit admin audit
    TIME                           WHO  FROM       WHAT        STATUS  ABOUT                                 REQUEST ID
    2026-01-02T12:04:05.678+09:00  ann  192.0.2.1  runs.abort  200     00000000-0000-4000-8000-000000007431  r
    $ knit admin garbage
    VOLUME  SINCE                          FAILURES  REASON
    v1      2026-01-02T12:04:05.678+09:00  3         still mounted
    $ knit admin check
    STATE  WHAT MUST HOLD  BROKEN BY
    $ knit profile list
    NAME  API ROOT                    USED HERE
    test  http://HOST/api  yes
    "
  `)
})

test('what is printed for other commands', async () => {
  expect(await printed(printing, 'stdout', '--output', 'name')).toMatchInlineSnapshot(`
    "$ knit data push set
    00000000-0000-4000-8000-000000006431
    $ knit data tag D --add a:b
    00000000-0000-4000-8000-000000006431
    $ knit data ls D
    a.txt
    d/
    $ knit plan apply plan.yaml
    00000000-0000-4000-8000-000000007031
    $ knit plan apply plan.yaml --dry-run
    00000000-0000-4000-8000-000000007031
    $ knit plan find
    00000000-0000-4000-8000-000000007031
    $ knit plan usage P
    00000000-0000-4000-8000-000000007031
    $ knit plan active yes P
    00000000-0000-4000-8000-000000007031
    $ knit plan resource P --set cpu=1
    00000000-0000-4000-8000-000000007031
    $ knit plan annotate P --add a=b
    00000000-0000-4000-8000-000000007031
    $ knit plan serviceaccount P --set trainer
    00000000-0000-4000-8000-000000007031
    $ knit run show R
    00000000-0000-4000-8000-000000007431
    $ knit run wait R
    00000000-0000-4000-8000-000000007431
    $ knit explain P --data D
    00000000-0000-4000-8000-000000006431
    00000000-0000-4000-8000-000000006431
    $ knit whoami
    token:ann
    $ knit admin events --dead
    00000000-0000-4000-8000-000000006531
    $ knit admin events replay e1
    1
    $ knit admin events drop e1
    1
    $ knit admin hooks
    00000000-0000-4000-8000-000000007431
    $ knit admin token create ci --role user
    ci
    $ knit admin token list
    ci
    $ knit admin audit
    2026-01-02T12:04:05.678+09:00
    $ knit admin garbage
    v1
    $ knit admin check
    $ knit profile list
    test
    "
  `)
})

/** Of which the result is what they do. */
const doing = [
  'data pull D out',
  'plan resource P',
  'plan active yes P --allow 3',
  'plan template --scratch',
  'run stop R',
  'run stop R --fail',
  'run retry R',
  'run rm R',
  'admin token revoke ci',
  'init given --profile mine',
  'profile use test',
  'profile rm test',
  'logout',
]

test('what is said besides', async () => {
  expect(await printed([...printing, ...doing], 'stderr')).toMatchInlineSnapshot(`
    "$ knit data push set
    [knit data push] TIME set: registered as 00000000-0000-4000-8000-000000006431
    $ knit data tag D --add a:b
    $ knit data ls D
    $ knit plan apply plan.yaml
    $ knit plan apply plan.yaml --dry-run
    [knit plan apply] TIME nothing is registered; 2 runs would start now
    [knit plan apply] TIME no data fits /b
    $ knit plan find
    $ knit plan usage P
    $ knit plan active yes P
    $ knit plan resource P --set cpu=1
    $ knit plan annotate P --add a=b
    $ knit plan serviceaccount P --set trainer
    $ knit run show R
    $ knit run wait R
    $ knit explain P --data D
    [knit explain] TIME it is inactive
    $ knit whoami
    $ knit admin events --dead
    $ knit admin events replay e1
    $ knit admin events drop e1
    $ knit admin hooks
    $ knit admin token create ci --role user
    [knit admin token create] TIME the secret is shown this once; who is to use it keeps it in a file: knit init KNIT_PROFILE_FILE --token-file FILE
    $ knit admin token list
    $ knit admin audit
    $ knit admin garbage
    $ knit admin check
    [knit admin check] TIME 1 of 1 sentences hold
    $ knit profile list
    $ knit data pull D out
    [knit data pull] TIME saved as DIR/out/00000000-0000-4000-8000-000000006431.tar.gz
    $ knit plan resource P
    [knit plan resource] TIME nothing is to be changed; say what to --set, or to --unset
    $ knit plan active yes P --allow 3
    [knit plan active] TIME the plan is not paused: there is nothing to allow, and what comes later will ask
    $ knit plan template --scratch
    [knit plan template] TIME written; fill in the image, then: knit plan apply FILE
    $ knit run stop R
    [knit run stop] TIME 00000000-0000-4000-8000-000000007431: completing
    $ knit run stop R --fail
    [knit run stop] TIME 00000000-0000-4000-8000-000000007431: completing
    $ knit run retry R
    [knit run retry] TIME 00000000-0000-4000-8000-000000007431: it is executed once more
    $ knit run rm R
    [knit run rm] TIME 00000000-0000-4000-8000-000000007431: deleted
    $ knit admin token revoke ci
    [knit admin token revoke] TIME ci: revoked
    $ knit init given --profile mine
    [knit init] TIME saved the profile "mine" in DIR/store
    [knit init] TIME cannot reach http://127.0.0.1:1: nothing listens there; try: knit local start --detach, then: knit whoami
    $ knit profile use test
    [knit profile use] TIME the profile "test" counts in DIR
    $ knit profile rm test
    [knit profile rm] TIME the profile "test" is forgotten
    $ knit logout
    [knit logout] TIME nobody was signed in to http://HOST/api
    "
  `)
})

test('with --quiet nothing is said besides', async () => {
  const lines = [...printing, ...doing]
  expect(await printed(lines, 'stderr', '--quiet')).toBe(
    lines.map((line) => `$ knit ${line}\n`).join(''),
  )
})
