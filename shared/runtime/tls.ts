import { readFileSync } from 'node:fs'
import type { Server } from 'node:https'
import { join } from 'node:path'
import { BadSettings } from './config.ts'

type Certificate = { cert: string; key: string }

const lookAgain = 60_000

/** What a folder holds that a secret of the type `kubernetes.io/tls` is mounted at. Throws `BadSettings` where it cannot be read. */
export function certificateIn(folder: string): Certificate {
  try {
    const text = (name: string) => readFileSync(join(folder, name), 'utf8')
    return { cert: text('tls.crt'), key: text('tls.key') }
  } catch (error) {
    throw new BadSettings(
      `KNIT_TLS_FOLDER has to hold tls.crt and tls.key: ${(error as Error).message}`,
      { cause: error },
    )
  }
}

/** Gives a server the certificate of a folder whenever another one is there: connections that are open keep theirs. */
export function followCertificate(
  server: Server,
  folder: string,
  onError: (error: unknown) => void,
): void {
  let current = certificateIn(folder)
  const timer = setInterval(() => {
    try {
      const next = certificateIn(folder)
      if (next.cert === current.cert && next.key === current.key) return
      server.setSecureContext(next)
      current = next
    } catch (error) {
      // It may be half written.
      onError(error)
    }
  }, lookAgain)
  timer.unref()
  server.once('close', () => clearInterval(timer))
}
