import { readdirSync, readlinkSync, statSync, type Dirent, type Stats } from 'node:fs'
import { dirname, join, relative } from 'node:path'
import { follow } from './links.ts'
import { hostMounts, isBelow, isWithin, mountOf, type HostMount } from './mounts.ts'
import { Refusal } from './refusal.ts'
import { seen } from './seen.ts'

/** What a program is to see. */
export type ViewSpec = {
  /** The root file system: `/` of the host, or the folder of an image. */
  base: string
  volumes: Volume[]
  /** Single files of the host the root file system lacks. */
  files: { source: string; target: string }[]
  /** Folders of the host that are shown empty. */
  hide: string[]
  /** Folders of the host in them that are shown all the same. */
  show: string[]
  /** Folders that must exist. */
  folders: string[]
}

export type Volume = { source: string; target: string; writable: boolean }

/**
 * How to build it: a skeleton of folders, empty files and links, made on disk and mounted read-only as the root, and
 * the mounts on top of it. All paths are those within, but for `source`.
 */
export type View = {
  folders: string[]
  files: string[]
  links: { path: string; target: string }[]
  /** The root file system; what every sandbox has is mounted after it and before the volumes. */
  entries: Mount[]
  volumes: Mount[]
  /** Where a path within is found on the host; undefined for what exists only within. */
  locate: (path: string) => string | undefined
}

export type Mount =
  | {
      kind: 'bind'
      source: string
      target: string
      writable: boolean
      noexec: boolean
      /** With what is mounted below it, which is writable until we say otherwise. */
      deep: boolean
      /** Whether the source may vanish before it is mounted, as what others have made next to what we need. */
      fleeting: boolean
    }
  | { kind: 'cover'; target: string }

/** What never comes from the root file system; a sandbox has its own, except on /run: no sockets. */
export const REPLACED = ['/proc', '/sys', '/dev', '/tmp', '/run']

export function buildView(spec: ViewSpec, mounts: HostMount[] = hostMounts()): View {
  const hidden = (path: string) => {
    const depth = (folders: string[]) =>
      depthOf(folders.filter((folder) => isWithin(join(spec.base, path), folder)))
    return depth(spec.hide) > depth(spec.show)
  }
  const fromBase = (path: string) =>
    REPLACED.some((folder) => isWithin(path, folder)) || hidden(path)
      ? undefined
      : join(spec.base, path)

  const volumes = spec.volumes
    .map((volume) => ({ ...volume, target: follow(volume.target, fromBase) }))
    .sort((a, b) => (a.target < b.target ? -1 : 1))
  requireMountable(volumes)
  const files = spec.files.map((file) => ({ ...file, target: follow(file.target, fromBase) }))
  const wantedFolders = [...volumes.map((volume) => volume.target), ...spec.folders].filter(
    (path) => !isFolder(fromBase(path)),
  )
  const wantedFiles = files
    .map((file) => file.target)
    .filter((path) => !statOf(fromBase(path))?.isFile())

  const shown = spec.show
    .map((folder) => join('/', relative(spec.base, folder)))
    .filter((path) => isFolder(fromBase(path)) && fromBase(dirname(path)) === undefined)
  const skeleton = buildSkeleton({ fromBase, wantedFolders, wantedFiles, shown })
  const entries = skeleton.bound.flatMap((path) =>
    bindEntry(join(spec.base, path), path, spec.hide, mounts),
  )
  return {
    folders: skeleton.folders,
    files: skeleton.files,
    links: skeleton.links,
    entries,
    volumes: [
      ...files.map(({ source, target }) => bind({ source, target, writable: false }, mounts)),
      ...volumes.map((volume) => bind(volume, mounts)),
    ],
    locate: (path) => {
      const volume = volumes.find(({ target }) => isWithin(path, target))
      return volume ? join(volume.source, path.slice(volume.target.length)) : fromBase(path)
    },
  }
}

function requireMountable(volumes: Volume[]): void {
  for (const [index, { target }] of volumes.entries()) {
    if (target === '/' || ['/proc', '/sys'].some((folder) => isWithin(target, folder))) {
      throw new Refusal('plan', `nothing can be mounted at ${target}: choose another path`)
    }
    const inside = volumes.slice(index + 1).find((other) => isWithin(other.target, target))
    if (inside) throw new Refusal('plan', `the mount points ${target} and ${inside.target} overlap`)
  }
}

type SkeletonSpec = {
  fromBase: (path: string) => string | undefined
  wantedFolders: string[]
  wantedFiles: string[]
  /** Folders of the root file system in ones that are hidden. */
  shown: string[]
}

/**
 * A folder is taken apart into its entries only if something must be made in it; everything else is bound whole.
 */
function buildSkeleton({ fromBase, wantedFolders, wantedFiles, shown }: SkeletonSpec) {
  const folders = new Set<string>(REPLACED)
  const files = new Set<string>(wantedFiles)
  const links: { path: string; target: string }[] = []
  const bound: string[] = []
  const opened = new Set<string>(['/'])
  for (const path of [...wantedFolders, ...wantedFiles, ...shown]) {
    for (let above = dirname(path); above !== '/'; above = dirname(above)) opened.add(above)
  }
  for (const path of [...opened, ...wantedFolders]) folders.add(path)

  for (const folder of opened) {
    for (const entry of entriesOf(fromBase(folder))) {
      const path = join(folder, entry.name)
      if (folders.has(path) || files.has(path)) {
        const taken = !opened.has(path) && wantedFiles.includes(path)
        if (taken || folders.has(path)) continue
      }
      if (entry.isSymbolicLink())
        links.push({ path, target: readlinkSync(join(fromBase(folder) ?? '/', entry.name)) })
      else if (entry.isDirectory()) folders.add(path)
      else if (entry.isFile()) files.add(path)
      else continue
      if (!entry.isSymbolicLink() && fromBase(path) !== undefined) bound.push(path)
    }
  }
  for (const path of shown.filter((path) => !opened.has(path))) {
    folders.add(path)
    bound.push(path)
  }
  folders.delete('/')
  const inOrder = [...folders].sort()
  return { folders: inOrder, files: [...files], links, bound }
}

function entriesOf(folder: string | undefined): Dirent[] {
  if (folder === undefined) return []
  return seen(() => readdirSync(folder, { withFileTypes: true })) ?? []
}

function bind(volume: Volume, mounts: HostMount[]): Mount {
  const { source, target, writable } = volume
  const noexec = mountOf(source, mounts)?.noexec ?? false
  return { kind: 'bind', source, target, writable, noexec, deep: false, fleeting: false }
}

/** Binds one entry of the root file system, without what is hidden in it. */
function bindEntry(source: string, target: string, hide: string[], mounts: HostMount[]): Mount[] {
  const inside = (path: string) => target + path.slice(source.length)
  return [
    {
      kind: 'bind',
      source,
      target,
      writable: false,
      noexec: mountOf(source, mounts)?.noexec ?? false,
      deep: mounts.some((mount) => isBelow(mount.point, source)),
      fleeting: true,
    },
    ...hide
      .filter((folder) => isBelow(folder, source) && isFolder(folder))
      .map((folder) => ({ kind: 'cover' as const, target: inside(folder) })),
  ]
}

function depthOf(folders: string[]): number {
  return Math.max(0, ...folders.map((folder) => folder.length))
}

/** False also for what is not for us to see. */
export function isFolder(path: string | undefined): boolean {
  return statOf(path)?.isDirectory() ?? false
}

function statOf(path: string | undefined): Stats | undefined {
  return path === undefined ? undefined : seen(() => statSync(path))
}
