import { afterEach, beforeEach, expect, test } from 'vitest'
import { stubOfTheWire } from '#shared/client/stub-of-the-wire.ts'
import { sampleData, samplePlan, sampleRun } from '#shared/client/wire-samples.ts'
import { knit, projectFor, tempDir } from './testing.ts'

const zone = process.env.TZ
beforeEach(() => void (process.env.TZ = 'Asia/Tokyo'))
afterEach(() => {
  if (zone === undefined) delete process.env.TZ
  else process.env.TZ = zone
})

const exit = { code: 3, message: 'Error' }
const run = sampleRun(
  't1',
  { inputs: [['/in', 'd1']], outputs: [['/out', 'm1']] },
  { status: 'failed', exit },
)
const data = sampleData('m1', run, [], ['type:model', 'note:a<b>&c', 'knit#transient:failed'])
const plan = samplePlan('p1', {
  annotations: ['owner=ann'],
  log: { tags: ['type:log'], downstreams: [] },
  resources: { cpu: '1', memory: '1Gi' },
})

/** What a command prints of what a server answers. */
async function printed(line: string, answer: unknown): Promise<string> {
  await using stub = await stubOfTheWire(() => ({ json: answer }))
  const { code, stdout } = await knit(line.split(' '), projectFor(stub))
  expect(code).toBe(0)
  return stdout
}

test('data find', async () => {
  expect(await printed('data find', [data])).toMatchInlineSnapshot(`
    "[
        {
            "knitId": "00000000-0000-4000-8000-000000006d31",
            "tags": [
                "knit#id:00000000-0000-4000-8000-000000006d31",
                "knit#timestamp:2025-01-02T03:04:05.678+00:00",
                "type:model",
                "note:a\\u003cb\\u003e\\u0026c",
                "knit#transient:failed"
            ],
            "upstream": {
                "mountpoint": {
                    "path": "/upload",
                    "tags": []
                },
                "run": {
                    "runId": "00000000-0000-4000-8000-000000007431",
                    "status": "failed",
                    "updatedAt": "2025-01-02T03:04:05.678+00:00",
                    "plan": {
                        "planId": "00000000-0000-4000-8000-6c616e207431",
                        "name": "knit#uploaded"
                    }
                }
            },
            "downstreams": [],
            "nomination": []
        }
    ]
    "
  `)
  expect(await printed('data find --output table', [data])).toMatchInlineSnapshot(`
    "KNIT ID                               TIMESTAMP                      STATE   TAGS
    00000000-0000-4000-8000-000000006d31  2025-01-02T12:04:05.678+09:00  failed  type:model, note:a<b>&c
    "
  `)
})

test('data show', async () => {
  const line = `data show ${data.knitId}`
  const all = await printed('data find', [data])
  expect(JSON.parse(await printed(line, [data]))).toEqual(JSON.parse(all)[0])
  expect(await printed(`${line} --output name`, [data])).toBe(`${data.knitId}\n`)
})

test('plan show', async () => {
  const line = `plan show ${plan.planId}`
  expect(await printed(line, plan)).toMatchInlineSnapshot(`
    "{
        "planId": "00000000-0000-4000-8000-000000007031",
        "image": "reg.test/p1:v1",
        "annotations": [
            "owner=ann"
        ],
        "inputs": [
            {
                "path": "/in",
                "tags": [
                    "type:a"
                ],
                "upstreams": []
            }
        ],
        "outputs": [
            {
                "path": "/out",
                "tags": [],
                "downstreams": []
            }
        ],
        "log": {
            "tags": [
                "type:log"
            ],
            "downstreams": []
        },
        "active": true,
        "resources": {
            "cpu": "1",
            "memory": "1Gi"
        }
    }
    "
  `)
  expect(await printed(`${line} --output table`, plan)).toMatchInlineSnapshot(`
    "PLAN ID                               ACTIVE  IMAGE           INPUTS  OUTPUTS
    00000000-0000-4000-8000-000000007031  yes     reg.test/p1:v1  /in     /out (log)
    "
  `)
  expect(await printed(`${line} --output yaml`, plan)).toMatchInlineSnapshot(`
    "planId: 00000000-0000-4000-8000-000000007031
    image: reg.test/p1:v1
    annotations:
      - owner=ann
    inputs:
      - path: /in
        tags:
          - type:a
        upstreams: []
    outputs:
      - path: /out
        tags: []
        downstreams: []
    log:
      tags:
        - type:log
      downstreams: []
    active: true
    resources:
      cpu: "1"
      memory: 1Gi
    "
  `)
})

test('run find', async () => {
  expect(await printed('run find', [run])).toMatchInlineSnapshot(`
    "[
        {
            "runId": "00000000-0000-4000-8000-000000007431",
            "status": "failed",
            "updatedAt": "2025-01-02T03:04:05.678+00:00",
            "exit": {
                "code": 3,
                "message": "Error"
            },
            "plan": {
                "planId": "00000000-0000-4000-8000-6c616e207431",
                "name": "knit#uploaded"
            },
            "inputs": [
                {
                    "path": "/in",
                    "tags": [],
                    "knitId": "00000000-0000-4000-8000-000000006431"
                }
            ],
            "outputs": [
                {
                    "path": "/out",
                    "tags": [],
                    "knitId": "00000000-0000-4000-8000-000000006d31"
                }
            ],
            "log": null
        }
    ]
    "
  `)
  expect(await printed('run find --output table', [run])).toMatchInlineSnapshot(`
    "RUN ID                                STATUS  UPDATED                        TOOK  IMAGE          WHY
    00000000-0000-4000-8000-000000007431  failed  2025-01-02T12:04:05.678+09:00        knit#uploaded  exit code 3: Error
    "
  `)
})

test('plan graph', async () => {
  expect(await printed(`plan graph ${plan.planId}`, plan)).toMatchInlineSnapshot(`
    "digraph G {
      node [shape=record fontsize=10]
      edge [fontsize=10]
      subgraph { cluster=true; style=solid; penwidth=0.3; color="#DAA520"; margin="0,0";
        "p00000000-0000-4000-8000-000000007031@/in" [shape=point color="#1c9930"];
        "p00000000-0000-4000-8000-000000007031@/in" -> "p00000000-0000-4000-8000-000000007031" [label="/in" weight=10 penwidth=0.3];
        "p00000000-0000-4000-8000-000000007031" [shape=none color="#DAA520" label=<<TABLE CELLSPACING="0">
          <TR><TD BGCOLOR="#DAA520"><FONT COLOR="#FFFFFF"><B>Plan</B></FONT></TD><TD><FONT COLOR="#007700"><B>active</B></FONT></TD><TD BGCOLOR="#EDD9B4">id: 00000000-0000-4000-8000-000000007031</TD></TR>
          <TR><TD COLSPAN="3">image = reg.test/p1:v1</TD></TR>
          <TR><TD COLSPAN="3"><B>owner</B>=ann</TD></TR></TABLE>>];
        "p00000000-0000-4000-8000-000000007031@/out" [shape=point color="#1c9930"];
        "p00000000-0000-4000-8000-000000007031" -> "p00000000-0000-4000-8000-000000007031@/out" [label="/out" weight=10 penwidth=0.3];
        "p00000000-0000-4000-8000-000000007031@log" [shape=point color="#1c9930"];
        "p00000000-0000-4000-8000-000000007031" -> "p00000000-0000-4000-8000-000000007031@log" [label="(log)" weight=10 penwidth=0.3];
      }

    }
    "
  `)
})

test('plan template --scratch', async () => {
  const { stdout } = await knit(['plan', 'template', '--scratch'], tempDir())
  expect(stdout.replace(/^ *#.*\n/gm, '').replace(/\n\n+/g, '\n')).toMatchInlineSnapshot(`
    "
    annotations: []
    image: "image:version"
    entrypoint: []
    args: []
    inputs:
      - path: "/in"
        tags:
          - "example:tag"
    outputs:
      - path: "/out"
        tags:
          - "example:tag"
    log:
      tags:
        - "type:log"
        - "example:tag"
    active: true
    resources:
      cpu: 1
      memory: 1Gi
    "
  `)
})
