import { afterEach, beforeEach, expect, test } from 'vitest'
import { sampleData, sampleRun, idOf } from '#shared/client/wire-samples.ts'
import type { DataDetail } from '#shared/domain/data.ts'
import type { RunDetail } from '#shared/domain/run.ts'
import { traceLineage, type LineageGraph } from './lineage.ts'
import { lineageDot } from './lineage-dot.ts'

const zone = process.env.TZ
beforeEach(() => void (process.env.TZ = 'Asia/Tokyo'))
afterEach(() => {
  if (zone === undefined) delete process.env.TZ
  else process.env.TZ = zone
})

// u1 uploaded d1; t1 read d1 and wrote m1 and its log l1; e1 read m1 and wrote r1.
const u1 = sampleRun('u1', { outputs: [['/upload', 'd1']] })
const t1 = sampleRun(
  't1',
  { inputs: [['/in/data', 'd1']], outputs: [['/out/model', 'm1']], log: 'l1' },
  { plan: { planId: idOf('p1'), image: 'reg.test/train:v1' } },
)
const e1 = sampleRun('e1', { inputs: [['/in/model', 'm1']], outputs: [['/out/report', 'r1']] })
const l1 = sampleData('l1', t1)
const things: Record<string, DataDetail | RunDetail> = {
  u1,
  t1,
  e1,
  d1: sampleData('d1', u1, [t1]),
  m1: sampleData('m1', t1, [e1], ['type:model', 'note:a < b']),
  l1: { ...l1, upstream: { log: { tags: [] }, run: l1.upstream.run } },
  r1: sampleData('r1', e1),
}
const byId = new Map(Object.entries(things).map(([name, thing]) => [idOf(name), thing]))
const names = new Map(Object.keys(things).map((name) => [idOf(name), name]))

const both = { upstream: true, downstream: true, depth: 3 }

async function trace(start: string, reach: Partial<typeof both> = {}, missing: string[] = []) {
  const asked: string[] = []
  const look = async (id: string) => {
    const name = names.get(id) ?? id
    asked.push(name)
    return missing.includes(name) ? undefined : byId.get(id)
  }
  const source = {
    data: async (id: string) => (await look(id)) as DataDetail | undefined,
    run: async (id: string) => (await look(id)) as RunDetail | undefined,
  }
  const graph = await traceLineage(source, idOf(start), { ...both, ...reach })
  return { graph, asked, dot: lineageDot(graph) }
}

const nodesOf = ({ data, runs, roots }: LineageGraph) => ({
  data: [...data.keys()].map((id) => names.get(id)),
  runs: [...runs.keys()].map((id) => names.get(id)),
  roots: roots.length,
})

const edgesOf = ({ edges }: LineageGraph) =>
  edges.map(({ from, to, label }) =>
    [names.get(from.id) ?? 'root', names.get(to.id), label].filter(Boolean).join(' '),
  )

test('the worked example asks for each thing once, in order, and finds all of it', async () => {
  const { graph, asked } = await trace('m1')
  expect(asked).toEqual(['m1', 't1', 'l1', 'd1', 'u1', 'e1', 'r1'])
  expect(nodesOf(graph)).toEqual({
    data: ['m1', 'l1', 'd1', 'r1'],
    runs: ['t1', 'u1', 'e1'],
    roots: 1,
  })
  expect(edgesOf(graph)).toEqual([
    't1 m1 /out/model',
    't1 l1 (log)',
    'd1 t1 /in/data',
    'u1 d1 /upload',
    'root u1',
    'm1 e1 /in/model',
    'e1 r1 /out/report',
  ])
})

test('depth 1 stops before the upload', async () => {
  const { graph } = await trace('m1', { depth: 1 })
  expect(nodesOf(graph)).toEqual({ data: ['m1', 'l1', 'd1', 'r1'], runs: ['t1', 'e1'], roots: 0 })
})

test('downstream alone shows nothing of where it comes from', async () => {
  const { graph } = await trace('m1', { upstream: false })
  expect(nodesOf(graph)).toEqual({ data: ['m1', 'r1'], runs: ['e1'], roots: 0 })
})

test('from the upload on, everything is downstream, and the log is gone through too', async () => {
  const { graph } = await trace('d1', { upstream: false, depth: Infinity })
  expect(nodesOf(graph)).toEqual({ data: ['d1', 'm1', 'l1', 'r1'], runs: ['t1', 'e1'], roots: 0 })
})

test('data mounted twice has two edges', async () => {
  const twice = sampleRun('e1', {
    inputs: [
      ['/in/1', 'm1'],
      ['/in/2', 'm1'],
    ],
  })
  byId.set(idOf('e1'), twice)
  const { graph } = await trace('m1', { upstream: false })
  byId.set(idOf('e1'), e1)
  expect(edgesOf(graph)).toEqual(['m1 e1 /in/1', 'm1 e1 /in/2'])
})

test('data that cannot be found are drawn as such, and the rest as ever', async () => {
  const { graph, dot } = await trace('m1', {}, ['d1'])
  expect(nodesOf(graph)).toMatchObject({ data: ['m1', 'l1', 'd1', 'r1'], runs: ['t1', 'e1'] })
  expect(dot).toContain(`"d${idOf('d1')}" [shape=box style=dashed`)
})

test('runs that cannot be found are drawn as such, with the edges that data tell of', async () => {
  const { graph, dot } = await trace('m1', {}, ['t1', 'e1'])
  expect(nodesOf(graph)).toEqual({ data: ['m1'], runs: ['t1', 'e1'], roots: 0 })
  expect(edgesOf(graph)).toEqual(['t1 m1 /upload', 'm1 e1 /upload'])
  expect(dot).toContain(
    `  "r${idOf('t1')}" [shape=box style=dashed color="#FFA500" label="id: ${idOf('t1')}\\n(not found)"];\n`,
  )
  expect(dot).toContain(`  "r${idOf('t1')}" -> "d${idOf('m1')}" [label="/upload"];\n`)
})

test('of a run that cannot be found every data in the drawing tells, the log as well', async () => {
  const { graph } = await trace('r1', { depth: Infinity }, ['t1'])
  expect(nodesOf(graph)).toEqual({ data: ['r1', 'm1'], runs: ['e1', 't1'], roots: 0 })
  expect(edgesOf(graph)).toEqual(['e1 r1 /out/report', 'm1 e1 /in/model', 't1 m1 /upload'])
  expect(edgesOf((await trace('l1', {}, ['t1'])).graph)).toEqual(['t1 l1 (log)'])
})

test('the document is that of the worked example', async () => {
  const { dot } = await trace('m1')
  const short = dot.replaceAll(
    /[0-9a-f]{8}-0000-4000-8000-[0-9a-f]{12}/g,
    (id) => names.get(id) ?? id,
  )
  expect(short).toMatchInlineSnapshot(`
    "digraph G {
      node [shape=record fontsize=10]
      edge [fontsize=10]
      "dm1" [shape=none color="#1c9930" label=<<TABLE CELLSPACING="0">
        <TR><TD BGCOLOR="#1c9930"><FONT COLOR="#FFFFFF"><B>Data</B></FONT></TD><TD BGCOLOR="#d4ecc6">knit#id: m1</TD></TR>
        <TR><TD COLSPAN="2"><FONT POINT-SIZE="8">2025-01-02T12:04:05.678+09:00</FONT></TD></TR>
        <TR><TD COLSPAN="2"><B>type</B>:model<BR/><B>note</B>:a &lt; b</TD></TR></TABLE>>];
      "dl1" [shape=none color="#1c9930" label=<<TABLE CELLSPACING="0">
        <TR><TD BGCOLOR="#1c9930"><FONT COLOR="#FFFFFF"><B>Data</B></FONT></TD><TD BGCOLOR="#FFFFFF">knit#id: l1</TD></TR>
        <TR><TD COLSPAN="2"><FONT POINT-SIZE="8">2025-01-02T12:04:05.678+09:00</FONT></TD></TR>
        <TR><TD COLSPAN="2"></TD></TR></TABLE>>];
      "dd1" [shape=none color="#1c9930" label=<<TABLE CELLSPACING="0">
        <TR><TD BGCOLOR="#1c9930"><FONT COLOR="#FFFFFF"><B>Data</B></FONT></TD><TD BGCOLOR="#FFFFFF">knit#id: d1</TD></TR>
        <TR><TD COLSPAN="2"><FONT POINT-SIZE="8">2025-01-02T12:04:05.678+09:00</FONT></TD></TR>
        <TR><TD COLSPAN="2"></TD></TR></TABLE>>];
      "dr1" [shape=none color="#1c9930" label=<<TABLE CELLSPACING="0">
        <TR><TD BGCOLOR="#1c9930"><FONT COLOR="#FFFFFF"><B>Data</B></FONT></TD><TD BGCOLOR="#FFFFFF">knit#id: r1</TD></TR>
        <TR><TD COLSPAN="2"><FONT POINT-SIZE="8">2025-01-02T12:04:05.678+09:00</FONT></TD></TR>
        <TR><TD COLSPAN="2"></TD></TR></TABLE>>];
      "rt1" [shape=none color="#FFA500" label=<<TABLE CELLSPACING="0">
        <TR><TD BGCOLOR="#FFA500"><FONT COLOR="#FFFFFF"><B>Run</B></FONT></TD><TD><FONT COLOR="#007700"><B>done</B></FONT></TD><TD BGCOLOR="#FFFFFF">id: t1</TD></TR>
        <TR><TD COLSPAN="3"><FONT POINT-SIZE="8">last updated: 2025-01-02T12:04:05.678+09:00</FONT></TD></TR>
        <TR><TD COLSPAN="3">image = reg.test/train:v1</TD></TR></TABLE>>];
      "ru1" [shape=none color="#FFA500" label=<<TABLE CELLSPACING="0">
        <TR><TD BGCOLOR="#FFA500"><FONT COLOR="#FFFFFF"><B>Run</B></FONT></TD><TD><FONT COLOR="#007700"><B>done</B></FONT></TD><TD BGCOLOR="#FFFFFF">id: u1</TD></TR>
        <TR><TD COLSPAN="3"><FONT POINT-SIZE="8">last updated: 2025-01-02T12:04:05.678+09:00</FONT></TD></TR>
        <TR><TD COLSPAN="3">knit#uploaded</TD></TR></TABLE>>];
      "re1" [shape=none color="#FFA500" label=<<TABLE CELLSPACING="0">
        <TR><TD BGCOLOR="#FFA500"><FONT COLOR="#FFFFFF"><B>Run</B></FONT></TD><TD><FONT COLOR="#007700"><B>done</B></FONT></TD><TD BGCOLOR="#FFFFFF">id: e1</TD></TR>
        <TR><TD COLSPAN="3"><FONT POINT-SIZE="8">last updated: 2025-01-02T12:04:05.678+09:00</FONT></TD></TR>
        <TR><TD COLSPAN="3">knit#uploaded</TD></TR></TABLE>>];
      "root#0" [shape=Mdiamond];

      "rt1" -> "dm1" [label="/out/model"];
      "rt1" -> "dl1" [label="(log)"];
      "dd1" -> "rt1" [label="/in/data"];
      "ru1" -> "dd1" [label="/upload"];
      "root#0" -> "ru1";
      "dm1" -> "re1" [label="/in/model"];
      "re1" -> "dr1" [label="/out/report"];
    }"
  `)
})

/** Data with a tag, written by a run to a path. */
async function dotOf(path: string, tag: string): Promise<string> {
  const run = sampleRun('u1', { outputs: [[path, 'd1']] })
  const data = sampleData('d1', run, [], [tag])
  return lineageDot(
    await traceLineage({ data: async () => data, run: async () => run }, idOf('d1'), both),
  )
}

test('what is in tags and paths cannot break the document', async () => {
  const dot = await dotOf('/a"\\b', 'a"<b>:&')
  expect(dot).toContain('[label="/a\\"\\\\b"]')
  expect(dot).toContain('<B>a&quot;&lt;b&gt;</B>:&amp;')
})

test('line breaks and tabs in tags and paths are drawn as people write them', async () => {
  const dot = await dotOf('/a\nb', 'two\tcolumns:two\r\nlines')
  expect(dot).toContain('[label="/a\\\\nb"]')
  expect(dot).toContain('<B>two\\tcolumns</B>:two\\r\\nlines')
})
