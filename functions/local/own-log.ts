import { fstatSync, statSync } from 'node:fs'
import { setAside } from '#shared/files/set-aside.ts'

/** What writes lines to standard error. Where that is a file of ours it is kept from growing without bound, and loses no line. */
export function ownLog(file: string): (line: string) => void {
  const isOurs = isOpenAs(process.stderr.fd, file)
  return (line) => {
    if (isOurs) setAside(file)
    process.stderr.write(line)
  }
}

function isOpenAs(descriptor: number, file: string): boolean {
  const open = fstatSync(descriptor)
  const there = statSync(file, { throwIfNoEntry: false })
  return open.isFile() && open.ino === there?.ino && open.dev === there.dev
}
