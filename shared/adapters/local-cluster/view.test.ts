import { mkdirSync, mkdtempSync, rmSync, symlinkSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { expect, test as base } from 'vitest'
import { follow } from './links.ts'
import { hostMounts } from './mounts.ts'
import { buildView, type ViewSpec } from './view.ts'

const test = base.extend<{ root: string }>({
  root: async ({ task }, use) => {
    const root = mkdtempSync(`/var/tmp/knit-view${task.id}`)
    for (const folder of [
      'usr/bin',
      'usr/share',
      'home/me/project',
      'etc',
      'proc',
      'tmp',
      'run/x',
    ]) {
      mkdirSync(join(root, folder), { recursive: true })
    }
    writeFileSync(join(root, 'etc/passwd'), '')
    symlinkSync('usr/bin', join(root, 'bin'))
    await use(root)
    rmSync(root, { recursive: true })
  },
})

const specOf = (root: string, spec: Partial<ViewSpec> = {}): ViewSpec => ({
  base: root,
  volumes: [],
  files: [],
  hide: [],
  show: [],
  folders: [],
  ...spec,
})
const volume = (target: string) => ({ source: '/volume', target, writable: false })
const targets = (mounts: { target: string }[]) => mounts.map(({ target }) => target).sort()

test('a root is bound entry by entry, without what every sandbox has of its own', ({ root }) => {
  const view = buildView(specOf(root), [])

  expect(targets(view.entries)).toEqual(['/etc', '/home', '/usr'])
  expect(view.links).toEqual([{ path: '/bin', target: 'usr/bin' }])
  expect(view.folders).toEqual(['/dev', '/etc', '/home', '/proc', '/run', '/sys', '/tmp', '/usr'])
})

test('a folder is taken apart only where something must be made in it', ({ root }) => {
  const view = buildView(
    specOf(root, { volumes: [volume('/home/me/data'), volume('/usr/share')] }),
    [],
  )

  expect(targets(view.entries)).toEqual(['/etc', '/home/me/project', '/usr'])
  expect(view.folders).toContain('/home/me/data')
})

test('a mount point may take the place of a file, and lie behind a link', ({ root }) => {
  const view = buildView(specOf(root, { volumes: [volume('/etc/passwd'), volume('/bin/in')] }), [])

  expect(view.files).toEqual([])
  expect(targets(view.volumes)).toEqual(['/etc/passwd', '/usr/bin/in'])
})

test('what is mounted below an entry comes along', ({ root }) => {
  const row = (id: number, parent: number, point: string, options: string) =>
    `${id} ${parent} 0:1 / ${point} ${options} shared:1 - ext4 /dev/x rw\n`
  const mounts = hostMounts(
    row(1, 0, '/', 'rw') +
      row(2, 1, `${root}/home/me`, 'rw,noexec') +
      row(3, 2, `${root}/home/me/project`, 'ro') +
      row(4, 1, `${root}/usr/share`, 'rw,nosuid'),
  )

  expect(buildView(specOf(root), mounts).entries.filter(({ target }) => target !== '/etc')).toEqual(
    [
      {
        kind: 'bind',
        source: `${root}/home`,
        target: '/home',
        writable: false,
        noexec: false,
        deep: true,
        fleeting: true,
      },
      {
        kind: 'bind',
        source: `${root}/usr`,
        target: '/usr',
        writable: false,
        noexec: false,
        deep: true,
        fleeting: true,
      },
    ],
  )
})

test('mounts nobody can reach are left out', () => {
  const row = (id: number, parent: number, point: string) =>
    `${id} ${parent} 0:1 / ${point} rw - ext4 x rw\n`
  const mounts = hostMounts(
    row(1, 0, '/') +
      row(2, 1, '/a/b') +
      row(3, 1, '/a') +
      row(4, 3, '/a/c') +
      row(5, 4, '/a/c') +
      row(6, 1, '/with\\040blank'),
  )

  expect(mounts.map(({ point }) => point)).toEqual(['/', '/a', '/a/c', '/with blank'])
})

test('what is hidden is covered, or shown as an empty folder where something must be made in it', ({
  root,
}) => {
  const hide = [join(root, 'home/me')]
  expect(buildView(specOf(root, { hide }), []).entries).toContainEqual({
    kind: 'cover',
    target: '/home/me',
  })

  const view = buildView(specOf(root, { hide, volumes: [volume('/home/me/project')] }), [])
  expect(targets(view.entries)).toEqual(['/etc', '/usr'])
  expect(view.folders).toContain('/home/me/project')
})

test.for([['/'], ['/proc/x'], ['/sys'], ['/in', '/in/x'], ['/in', '/in']])(
  'nothing is mounted at %s',
  (paths, { root }) => {
    expect(() => buildView(specOf(root, { volumes: paths.map(volume) }), [])).toThrow(/mount/)
  },
)

test('links are followed as from within, and not for ever', ({ root }) => {
  const locate = (path: string) => join(root, path)
  symlinkSync('/etc/../usr/bin', join(root, 'absolute'))
  symlinkSync('loop', join(root, 'loop'))

  expect(follow('/absolute/x', locate)).toBe('/usr/bin/x')
  expect(follow('/../bin/./x/..', locate)).toBe('/usr/bin')
  expect(() => follow('/loop', locate)).toThrow('/loop')
})
