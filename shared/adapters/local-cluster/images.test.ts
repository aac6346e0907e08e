import { execFileSync } from 'node:child_process'
import { chmodSync, existsSync, mkdirSync, rmSync, symlinkSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { describe, expect } from 'vitest'
import { openHome } from './home.ts'
import { addImage, findImage, listImages, removeImage } from './images.ts'
import { rootWith } from '#tests/support/root-file-system.ts'
import { sandboxes, test } from './test-home.ts'

describe.each(sandboxes)('with %s', (sandbox) => {
  test('a folder with a root file system is an image, and nothing of the host is in it', async ({
    home,
  }) => {
    const cluster = home.open({ sandbox })
    await cluster.addImage('example.org/tiny:1', rootWith(home.scratch, ['sh', 'ls']))
    const output = await home.volume(cluster)
    const state = await home.run(cluster, {
      image: 'example.org/tiny:1',
      entrypoint: ['/bin/sh', '-c', 'ls / && echo "$X" > /out/x && ls /out; echo > /bin/x'],
      env: { X: 'a b' },
      outputs: [{ volume: output, path: '/out' }],
    })

    expect(state.log).toMatch(
      /^bin\ndev\n(lib\w*\n)+out\nproc\nrun\nsys\ntmp\n(usr\n)?x\n.*Read-only/,
    )
    expect(state).toMatchObject({ phase: 'failed', exitCode: 2, cause: 'program' })
  })

  test('an image brings its command, variables and folder, which a plan may replace', async ({
    home,
  }) => {
    const cluster = home.open({ sandbox })
    const archive = dockerArchive(home.scratch, {
      Entrypoint: ['sh', '-c'],
      Cmd: ['echo "$A $B $PWD $*"'],
      Env: ['PATH=/bin', 'A=1', 'B=x=y'],
      WorkingDir: '/work/here',
    })
    await cluster.addImage('tiny:2', archive)
    const logOf = async (spec: object) =>
      (await home.run(cluster, { image: 'tiny:2', entrypoint: [], ...spec })).log

    expect(await logOf({})).toBe('1 x=y /work/here \n')
    expect(await logOf({ args: ['echo args', 'x'], env: { A: '2' } })).toBe('args\n')
    expect(await logOf({ entrypoint: ['ls', '/layers'], env: { A: '2' } })).toBe('kept\nsecond\n')
  })

  test('an image around the home, or around home directories, does not show them', async ({
    home,
  }) => {
    const own = join(home.scratch, 'me')
    mkdirSync(own)
    writeFileSync(join(own, 'letter'), '')
    chmodSync(home.folder, 0o755)
    const cluster = home.open({ sandbox, env: { HOME: own } })
    await cluster.addImage('whole:1', '/')
    const { log } = await home.run(cluster, {
      image: 'whole:1',
      entrypoint: ['/bin/ls', '-A'],
      args: [home.folder, own, '/root', '/home'],
    })

    expect(log.split('\n').filter((line) => line && !line.endsWith(':'))).toEqual([])
  })

  test('what an image has for its own user alone, programs read', async ({ home }) => {
    const cluster = home.open({ sandbox })
    const root = rootWith(home.scratch, ['cat'])
    mkdirSync(join(root, 'root'), { mode: 0o700 })
    writeFileSync(join(root, 'root/settings'), 'read', { mode: 0o600 })
    const archive = join(home.scratch, 'image.tar')
    execFileSync('tar', ['-cf', archive, '-C', root, '.'])
    await cluster.addImage('own:1', archive)

    const entrypoint = ['/bin/cat', '/root/settings']
    expect(await home.run(cluster, { image: 'own:1', entrypoint })).toMatchObject({ log: 'read' })
  })

  test('an image nobody has added ends the worker with the advice what to do', async ({ home }) => {
    const state = await home.run(home.open({ sandbox }), { image: 'library/python:3.12' })

    expect(state).toMatchObject({ phase: 'failed', exitCode: 125, cause: 'plan' })
    expect(state).toHaveProperty(
      'message',
      expect.stringContaining('library/python:3.12 is not known here'),
    )
    expect(state).toHaveProperty(
      'message',
      expect.stringContaining('knit local image add library/python:3.12 DIR|TAR'),
    )
    expect(state).toHaveProperty('message', expect.stringContaining('knit.local/host:1'))
  })
})

test('images are listed, replaced and removed by name', async ({ home: { folder, scratch } }) => {
  const home = openHome(folder)
  const source = rootWith(scratch, ['sh'])
  await addImage(home, 'b:1', source)
  await addImage(home, 'localhost:5000/a/b:1', source)
  await addImage(home, 'b:1', dockerArchive(scratch, { Cmd: ['x'] }))

  expect(listImages(home).map(({ name, cmd }) => [name, cmd])).toEqual([
    ['b:1', ['x']],
    ['localhost:5000/a/b:1', []],
  ])
  await removeImage(home, 'localhost:5000/a/b:1')
  await removeImage(home, 'b:1')
  await removeImage(home, 'never:1')
  expect(listImages(home)).toEqual([])
  expect(existsSync(source)).toBe(true)
})

test('names are checked before they become paths', async ({ home: { folder } }) => {
  const home = openHome(folder)
  for (const name of ['..', 'a', '../a:1', 'a:', ':1', 'A:1', 'knit.local/host:1']) {
    await expect(addImage(home, name, '/')).rejects.toThrow(/NAME:TAG|replaced/)
    expect(findImage(home, name)).toBeUndefined()
  }
  await expect(removeImage(home, '..')).rejects.toThrow('NAME:TAG')
  await expect(addImage(home, 'a:1', 'relative')).rejects.toThrow('absolute')
})

test('no folder of the home is an image, so that none shows its secrets', async ({
  home: { folder, scratch },
}) => {
  const home = openHome(folder)
  const alias = join(scratch, 'alias')
  symlinkSync(folder, alias)
  for (const source of [folder, alias, join(alias, 'volumes')])
    await expect(addImage(home, 'a:1', source)).rejects.toThrow('in the local home itself')
})

test('a plain archive of a root file system may be compressed', async ({
  home: { folder, scratch },
}) => {
  const home = openHome(folder)
  const archive = join(scratch, 'root.tgz')
  execFileSync('tar', ['-czf', archive, '-C', rootWith(scratch, ['sh']), '.'])
  const { base } = await addImage(home, 'plain:1', archive)

  expect(existsSync(join(base, 'bin/sh'))).toBe(true)
})

test('an archive that would write elsewhere is refused, and leaves nothing', async ({
  home: { folder, scratch },
}) => {
  const home = openHome(folder)
  const first = join(scratch, 'first')
  const second = join(scratch, 'second')
  mkdirSync(first)
  mkdirSync(join(second, 'link'), { recursive: true })
  symlinkSync(scratch, join(first, 'link'))
  writeFileSync(join(second, 'link', 'escaped'), '')
  const archive = imageOf(scratch, [first, second], {})

  await expect(addImage(home, 'bad:1', archive)).rejects.toThrow('/link')
  expect(existsSync(join(scratch, 'escaped'))).toBe(false)
  expect(listImages(home)).toEqual([])
  await expect(addImage(home, 'bad:1', join(scratch, 'none'))).rejects.toThrow('ENOENT')
})

/** As `docker save` makes it, of a layer, one on top that removes something of it, and one that removes a whole folder. */
function dockerArchive(folder: string, config: object): string {
  const first = rootWith(folder, ['sh', 'ls'])
  const second = join(folder, 'second layer')
  const third = join(folder, 'third layer')
  for (const layer of [first, second, third]) mkdirSync(join(layer, 'layers'), { recursive: true })
  mkdirSync(join(first, 'emptied/deep'), { recursive: true })
  writeFileSync(join(first, 'layers/kept'), '')
  writeFileSync(join(first, 'layers/removed'), '')
  writeFileSync(join(second, 'layers/.wh.removed'), '')
  writeFileSync(join(second, 'layers/second'), '')
  mkdirSync(join(third, 'emptied'), { recursive: true })
  writeFileSync(join(third, 'emptied/.wh..wh..opq'), '')
  return imageOf(folder, [first, second, third], config)
}

function imageOf(folder: string, layers: string[], config: object): string {
  const image = join(folder, 'image')
  rmSync(image, { recursive: true, force: true })
  mkdirSync(image)
  const names = layers.map((layer, index) => {
    execFileSync('tar', ['-cf', join(image, `${index}.tar`), '-C', layer, '.'])
    return `${index}.tar`
  })
  writeFileSync(join(image, 'config.json'), JSON.stringify({ config }))
  const manifest = [{ Config: 'config.json', RepoTags: ['x:1'], Layers: names }]
  writeFileSync(join(image, 'manifest.json'), JSON.stringify(manifest))
  const archive = join(folder, 'image.tar')
  execFileSync('tar', ['-cf', archive, '-C', image, '.'])
  return archive
}
