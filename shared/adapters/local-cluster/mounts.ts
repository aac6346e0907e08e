import { readFileSync } from 'node:fs'

/** A file system as it is mounted on the host. */
export type HostMount = {
  point: string
  readonly: boolean
  noexec: boolean
  type: string
  /** Which folder of the file system is mounted, and the options of the file system itself. */
  root: string
  superOptions: string[]
}

type Row = HostMount & { id: string; parent: string }

/** The mounts one can reach by a path; others may hide below them. See proc_pid_mountinfo(5). */
export function hostMounts(mountinfo = readFileSync('/proc/self/mountinfo', 'utf8')): HostMount[] {
  const rows = mountinfo.trimEnd().split('\n').map(parse)
  const byId = new Map(rows.map((row) => [row.id, row]))
  const children = Map.groupBy(rows, (row) => row.parent)

  const coveredItself = (row: Row) => children.get(row.id)?.some((o) => o.point === row.point)
  const reachable = (row: Row): boolean => {
    const siblings = children.get(row.parent) ?? []
    if (siblings.some((other) => other !== row && isBelow(row.point, other.point))) return false
    const parent = byId.get(row.parent)
    return !parent || parent === row || reachable(parent)
  }
  return rows.filter((row) => !coveredItself(row) && reachable(row))
}

function parse(line: string): Row {
  const [fields = '', rest = ''] = line.split(' - ')
  const [id = '', parent = '', , root = '', point = '', options = ''] = fields.split(' ')
  const [type = '', , superOptions = ''] = rest.split(' ')
  const flags = options.split(',')
  return {
    id,
    parent,
    point: unescape(point),
    readonly: flags.includes('ro') || superOptions.split(',').includes('ro'),
    noexec: flags.includes('noexec'),
    type,
    root: unescape(root),
    superOptions: superOptions.split(','),
  }
}

function unescape(field: string): string {
  return field.replace(/\\([0-7]{3})/g, (_, octal) => String.fromCharCode(parseInt(octal, 8)))
}

/** The mount a path lies in. */
export function mountOf(path: string, mounts: HostMount[]): HostMount | undefined {
  const around = mounts.filter((mount) => isWithin(path, mount.point))
  return around.reduce<HostMount | undefined>(
    (best, mount) => (best && best.point.length > mount.point.length ? best : mount),
    undefined,
  )
}

export function isBelow(path: string, folder: string): boolean {
  return path !== folder && path.startsWith(folder === '/' ? '/' : `${folder}/`)
}

export function isWithin(path: string, folder: string): boolean {
  return path === folder || isBelow(path, folder)
}
