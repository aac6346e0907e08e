import * as z from 'zod'

const loopback = /^(localhost|127(\.\d{1,3}){3}|\[::1\])$/

/** Nobody on the way reads or changes what is sent there: https, or this machine itself. */
export const SecureUrl = z
  .url()
  .refine(isSecure, 'expected a URL that begins with https://, or of this machine itself')

function isSecure(text: string): boolean {
  if (!URL.canParse(text)) return false
  const { protocol, hostname, username } = new URL(text)
  return (
    username === '' && (protocol === 'https:' || (protocol === 'http:' && loopback.test(hostname)))
  )
}
