import { execFileSync } from 'node:child_process'
import {
  chmodSync,
  copyFileSync,
  cpSync,
  existsSync,
  lutimesSync,
  mkdirSync,
  readdirSync,
  realpathSync,
  rmSync,
  writeFileSync,
} from 'node:fs'
import { basename, dirname, join } from 'node:path'

const here = import.meta.dirname

/** Which of the built files the image holds; the others are for a machine without a cluster. */
export const isOfImage = (name: string): boolean =>
  /^(start\.cjs|functions|otlp-sink\.cjs|migrations|job-.*\.mjs)$/.test(name)

const accounts = {
  'etc/passwd': 'root:x:0:0:root:/:/none\nknit:x:65532:65532:knit:/app:/none\n',
  'etc/group': 'root:x:0:\nknit:x:65532:\n',
  'etc/nsswitch.conf': 'hosts: files dns\n',
}

/** Makes the folder an image is built in: the file system, by itself, and how it is started. The same sources make the same bytes. */
export function makeContext({ dist, folder }: { dist: string; folder: string }): void {
  const rootfs = join(folder, 'rootfs')
  rmSync(folder, { recursive: true, force: true })
  mkdirSync(join(rootfs, 'tmp'), { recursive: true })
  copyFileSync(join(here, 'Containerfile'), join(folder, 'Containerfile'))

  // What V8 has compiled is taken by this very Node alone.
  copyInto(rootfs, process.execPath, '/usr/local/bin/node')
  const libraries = librariesOf(process.execPath)
  for (const library of [...libraries, ...resolversBeside(libraries)])
    copyInto(rootfs, library, library)
  for (const [path, text] of Object.entries(accounts)) {
    mkdirSync(dirname(join(rootfs, path)), { recursive: true })
    writeFileSync(join(rootfs, path), text)
  }
  for (const name of readdirSync(dist).filter(isOfImage))
    cpSync(join(dist, name), join(rootfs, 'app', name), { recursive: true })
  settle(rootfs)
  chmodSync(join(rootfs, 'tmp'), 0o1777)
}

function copyInto(rootfs: string, from: string, to: string): void {
  mkdirSync(dirname(join(rootfs, to)), { recursive: true })
  copyFileSync(realpathSync(from), join(rootfs, to))
}

/** The files a program is linked with, by the paths at which it looks for them. */
function librariesOf(program: string): string[] {
  const lines = execFileSync('ldd', [program], { encoding: 'utf8' }).split('\n')
  return lines.flatMap((line) => /(?:=> |^\s*)(\/\S+) \(0x/.exec(line)?.[1] ?? [])
}

/** What glibc resolves names with: before 2.34 it loads that when a name is asked for, and no program tells that it needs it. */
function resolversBeside(libraries: readonly string[]): string[] {
  const glibc = libraries.find((path) => basename(path) === 'libc.so.6')
  if (!glibc) return []
  return ['libnss_files.so.2', 'libnss_dns.so.2', 'libresolv.so.2']
    .map((name) => join(dirname(glibc), name))
    .filter((path) => existsSync(path))
}

/** The same times and modes everywhere, whoever copied what and when. */
function settle(rootfs: string): void {
  const entries = readdirSync(rootfs, { recursive: true, withFileTypes: true })
  for (const entry of entries) {
    const path = join(entry.parentPath, entry.name)
    const isProgram = /\/(bin\/node|ld-linux[^/]*)$/.test(path)
    chmodSync(path, entry.isDirectory() || isProgram ? 0o755 : 0o644)
    lutimesSync(path, 0, 0)
  }
}
