import { whose, type FolderVolumes } from '#shared/adapters/folder-volumes.ts'
import type { Complaint } from '#shared/adapters/kubernetes-cluster/agent-call.ts'
import { ArchiveError } from '#shared/archive/archive-error.ts'
import { NoSuchBytes, NoSuchFile, NotAFile, Unreadable } from '#shared/archive/file-error.ts'
import { NotKept, TakenOver, WrongOffset } from '#shared/archive/reception-error.ts'
import { codeOf, isForbidden } from '#shared/files/error-code.ts'
import { plainMessage } from '#shared/files/plain-message.ts'
import { NoSuchVolume } from '#shared/ports/cluster.ts'

/** What is answered where something is wrong. */
export function complaintOf(error: unknown): [status: number, complaint: Complaint] {
  const message = error instanceof Error ? plainMessage(error) : String(error)
  if (error instanceof ArchiveError) return [422, { code: error.code, message }]
  if (error instanceof NoSuchVolume) return [404, { code: 'no-such-volume', message }]
  if (error instanceof NotKept) return [404, { code: 'not-kept', message }]
  if (error instanceof TakenOver) return [409, { code: 'taken-over', message }]
  if (error instanceof WrongOffset) {
    const { bytes, md5 } = error
    return [409, { code: 'wrong-offset', message, received: { bytes, md5 } }]
  }
  if (error instanceof NoSuchFile) return [404, { code: 'no-such-file', message }]
  if (error instanceof NotAFile) return [422, { code: 'not-a-file', message }]
  if (error instanceof Unreadable) return [422, { code: 'unreadable', message }]
  if (error instanceof NoSuchBytes)
    return [416, { code: 'no-such-bytes', message, size: error.size }]
  const code = codeOf(error)
  if (code === 'ENOSPC' || code === 'EDQUOT') return [507, { code, message }]
  return [500, { message }]
}

/**
 * An agent has no rights but its own, and programs run as anybody. What they leave is opened to it by what stands beside them; so
 * it meets what only others may remove where a worker was ended before that could be done.
 */
export async function removed(volumes: FolderVolumes, name: string): Promise<void> {
  try {
    await volumes.deleteVolume(name)
  } catch (error) {
    if (!isForbidden(error)) throw error
    const next = `as root, remove the folder trash/${name} from the claim of all Data`
    throw new Error(`${plainMessage(error)}. ${whose}; ${next}.`, { cause: error })
  }
}
