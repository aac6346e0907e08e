/**
 * The secret a request brings: `Authorization: Bearer SECRET`, or the password of a URL (https://token:SECRET@host/api), which
 * clients that know no tokens send as `Basic`. Browsers send that by themselves, also for pages of other sites: from them it is
 * not taken.
 */
export function credentialOf({ headers }: Pick<Request, 'headers'>): string | undefined {
  const [, scheme = '', given = ''] =
    /^(Bearer|Basic) (.+)$/i.exec(headers.get('authorization') ?? '') ?? []
  if (scheme.toLowerCase() !== 'basic') return given || undefined
  if (headers.has('origin') || headers.has('sec-fetch-site')) return undefined
  const [, user, password] = /^([^:]*):(.*)$/s.exec(Buffer.from(given, 'base64').toString()) ?? []
  return password || user || undefined
}
