import { writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { Readable } from 'node:stream'
import { gzipSync } from 'node:zlib'
import { buffer } from 'node:stream/consumers'
import { pack } from 'tar-stream'
import { expect, test } from 'vitest'
import { parse } from 'yaml'
import { readPlan } from '../plan-file.ts'
import { knit, tempDir } from '../testing.ts'

const config = (over: object = {}) => ({
  os: 'linux',
  architecture: 'amd64',
  rootfs: { type: 'layers' },
  config: {
    Entrypoint: ['python', 'main.py'],
    Cmd: [
      '--data=/in/data',
      'data.path=/in/photos',
      '+db@main=in/date=2026/rows',
      '/in/1/labels',
      '-o',
      'out/model',
      'sh -c "ls /in/x"',
      'https://h/in/y',
    ],
    Volumes: { '/7/out': {}, '/in': {} },
    WorkingDir: '/app',
  },
  ...over,
})

type Member = [name: string, content: unknown]

async function imageArchive(members: Member[]): Promise<Buffer> {
  const tar = pack()
  tar.entry({ name: 'blobs', type: 'directory' })
  tar.entry({ name: 'layer.tar', type: 'symlink', linkname: '../x' })
  tar.entry({ name: 'VERSION' }, '1')
  tar.entry({ name: 'empty' }, '')
  for (const [name, content] of members) tar.entry({ name }, JSON.stringify(content))
  tar.finalize()
  return buffer(tar as unknown as Readable)
}

const one: Member[] = [
  ['abc.json', config()],
  ['attest.json', config({ os: 'unknown', architecture: 'unknown' })],
  ['manifest.json', [{ Config: 'abc.json', RepoTags: ['reg.example:5000/demo:v1'] }]],
]

async function template(words: string[], archive: Buffer, knitenv = '') {
  const dir = tempDir()
  if (knitenv !== '') writeFileSync(join(dir, 'knitenv'), knitenv)
  return knit(['plan', 'template', ...words], dir, { stdin: Readable.from([archive]) })
}

test('the paths of the image become mount points, in a stable order and without nonsense', async () => {
  const { code, stdout } = await template([], await imageArchive(one))
  expect(code).toBe(0)
  expect(parse(stdout)).toEqual({
    annotations: [],
    image: 'reg.example:5000/demo:v1',
    entrypoint: ['python', 'main.py'],
    args: config().config.Cmd,
    inputs: [
      { path: '/in/data', tags: ['type:data'] },
      { path: '/in/photos', tags: ['type:photos'] },
      { path: '/app/in/date=2026/rows', tags: ['type:rows'] },
      { path: '/in/1/labels', tags: ['type:labels'] },
      { path: '/in', tags: [] },
    ],
    outputs: [
      { path: '/app/out/model', tags: ['type:model'] },
      { path: '/7/out', tags: ['type:7'] },
    ],
    log: { tags: ['type:log'] },
    active: true,
    resources: { cpu: 1, memory: '1Gi' },
  })
})

test('what only its author can know of a plan is told, as long as it is not there', async () => {
  const told = async (words: string[], members: Member[]) =>
    (await template(words, await imageArchive(members))).stderr.split('\n').at(-2)
  const nameless: Member[] = [['abc.json', config({ config: { Cmd: ['/in'] } })]]
  const whole: Member[] = [
    ['abc.json', config({ config: { Cmd: ['/in/data'] } })],
    ['manifest.json', [{ Config: 'abc.json', RepoTags: ['demo:v1'] }]],
  ]
  expect(await told([], nameless)).toMatch(
    / written; fill in the image, the tags of the input \/in, then: knit plan apply FILE$/,
  )
  expect(await told([], [['abc.json', config({ config: {} })]])).toMatch(
    / written; fill in the image, an input, then: /,
  )
  expect(await told([], one)).toMatch(/ written; fill in the tags of the input \/in, then: /)
  expect(await told([], whole)).toMatch(/ written; look through it, then: /)
  expect(await told(['--scratch'], [])).toMatch(/ written; fill in the image, then: /)
})

test('a compressed archive is read as well', async () => {
  const { code, stdout } = await template([], gzipSync(await imageArchive(one)))
  expect(code).toBe(0)
  expect(stdout).toContain('image: "reg.example:5000/demo:v1"')
})

test.each<[string, Member[], string[], string]>([
  ['no image', [], [], 'the archive has no image\n'],
  ['another image', one, ['other:v1'], 'no image other:v1; it has reg.example:5000/demo:v1'],
  [
    'several images',
    [
      ['x.json', config()],
      ['y.json', config()],
    ],
    [],
    'several images',
  ],
])('an archive with %s is refused', async (_, members, words, message) => {
  const { code, stderr } = await template(words, await imageArchive(members))
  expect(code).toBe(1)
  expect(stderr).toContain(message)
})

test('what is advised where the archive has another image reads the same file', async () => {
  const dir = tempDir()
  writeFileSync(join(dir, 'an image.tar'), await imageArchive(one))
  const words = ['plan', 'template', '--input', 'an image.tar']
  const { stderr } = await knit([...words, 'other:v1'], dir)
  expect(stderr).toContain(
    "\ntry: knit plan template reg.example:5000/demo:v1 --input 'an image.tar'\n",
  )
  expect((await knit([...words, 'reg.example:5000/demo:v1'], dir)).code).toBe(0)
})

test('one of several images is taken by its tag', async () => {
  const archive = await imageArchive([
    ...one,
    ['y.json', config({ config: {} })],
    ['manifest.json', [{ Config: 'y.json', RepoTags: ['y:1', 'y:2'] }]],
  ])
  expect((await template(['y:2'], archive)).stdout).toContain('image: "y:2"\n')
})

test('an OCI layout names its image by way of its index', async () => {
  const layout = (annotations: object): Member[] => [
    ['blobs/sha256/c0', config()],
    ['blobs/sha256/a1', config({ os: 'unknown', architecture: 'unknown' })],
    ['blobs/sha256/b2', { config: { digest: 'sha256:c0' }, layers: [] }],
    ['index.json', { schemaVersion: 2, manifests: [{ digest: 'sha256:b2', annotations }] }],
  ]
  const imageOf = async (annotations: object) =>
    parse((await template([], await imageArchive(layout(annotations)))).stdout).image
  const byContainerd = { 'io.containerd.image.name': 'docker.io/library/demo:v1' }
  const tag = { 'org.opencontainers.image.ref.name': 'v1' }
  expect(await imageOf({ ...tag, ...byContainerd })).toBe('docker.io/library/demo:v1')
  expect(await imageOf({ 'org.opencontainers.image.ref.name': 'localhost/demo:v1' })).toBe(
    'localhost/demo:v1',
  )
  expect(await imageOf(tag)).toBe('IMAGE:TAG')
})

test('an OCI image for several platforms, with attestations, is one that has a name', async () => {
  const digest = (name: string) => ({ digest: `sha256:${name}` })
  const manifest = (name: string) => ({ config: digest(name), layers: [] })
  const named = { 'io.containerd.image.name': 'docker.io/library/demo:v1' }
  const layout = (arm: object): Member[] => [
    ['blobs/sha256/c0', config()],
    ['blobs/sha256/c1', config({ architecture: 'arm64', ...arm })],
    ['blobs/sha256/a0', config({ os: 'unknown', architecture: 'unknown' })],
    ...['c0', 'c1', 'a0'].map((name): Member => [`blobs/sha256/m-${name}`, manifest(name)]),
    ['blobs/sha256/i', { manifests: ['m-c0', 'm-c1', 'm-a0'].map(digest) }],
    ['index.json', { manifests: [{ ...digest('i'), annotations: named }] }],
  ]
  const { stdout } = await template([], await imageArchive(layout({})))
  expect(parse(stdout).image).toBe('docker.io/library/demo:v1')
  const other = await template([], await imageArchive(layout({ config: { Cmd: ['/in/a'] } })))
  expect(other.stderr).toContain('several images; it has docker.io/library/demo:v1\n')
})

test('what is no archive at all is told', async () => {
  const { code, stderr } = await template([], Buffer.from('hello'.repeat(500)))
  expect({ code, lines: stderr.trim().split('\n').length }).toEqual({ code: 1, lines: 3 })
})

test('an archive that is not there is told in plain words', async () => {
  const dir = tempDir()
  const { stderr } = await knit(['plan', 'template', '--input', 'none', 'a:1'], dir)
  expect(stderr).toContain(
    `none cannot be read as an image: no such file or directory: ${dir}/none\ntry: docker save a:1 | knit plan template\n`,
  )
})

test('a template from scratch has the defaults of the project, and apply can read it', async () => {
  const knitenv = 'tag: ["project:demo"]\nresource: {cpu: 0.5, nvidia.com/gpu: 1}\n'
  const { code, stdout } = await template(['--scratch'], Buffer.alloc(0), knitenv)
  expect(code).toBe(0)
  expect(stdout).toMatch(/^\n# annotations[^]*[^\n]\n\n$/)
  expect(readPlan(stdout, 'plan.yaml')).toMatchObject({
    inputs: [{ path: '/in', tags: ['project:demo'] }],
    outputs: [{ path: '/out', tags: ['project:demo'] }],
    log: { tags: ['type:log', 'project:demo'] },
    resources: { cpu: '500m', memory: '1Gi', 'nvidia.com/gpu': '1' },
  })
})

test('nobody waits for an image at a terminal', async () => {
  const stdin = Object.assign(Readable.from([]), { isTTY: true })
  const { code, stderr } = await knit(['plan', 'template'], tempDir(), { stdin })
  expect(code).toBe(2)
  expect(stderr).toContain('try: docker save IMAGE | knit plan template\n')
  const named = await knit(['plan', 'template', 'demo:v1'], tempDir(), { stdin })
  expect(named.stderr).toContain('try: docker save demo:v1 | knit plan template\n')
})
