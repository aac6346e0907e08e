import { execFileSync } from 'node:child_process'
import { cpSync, mkdirSync, realpathSync, rmSync } from 'node:fs'
import { basename, dirname, join } from 'node:path'

/** A root file system with some programs of this machine, and what they need, in `bin`. */
export function rootWith(folder: string, programs: string[]): string {
  const root = join(folder, `root of ${programs.join(' ')}`)
  rmSync(root, { recursive: true, force: true })
  for (const name of programs) {
    const program = execFileSync('sh', ['-c', 'command -v "$0"', name], { encoding: 'utf8' }).trim()
    const libraries = execFileSync('ldd', [program], { encoding: 'utf8' }).match(/\/\S+/g) ?? []
    for (const [source, path] of [
      [program, `/bin/${basename(program)}`],
      ...libraries.map((library) => [library, library]),
    ] as [string, string][]) {
      mkdirSync(join(root, dirname(path)), { recursive: true })
      cpSync(realpathSync(source), join(root, path))
    }
  }
  return root
}
