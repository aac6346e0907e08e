import { Invalid, notUnderstood } from './invalid.ts'

/** A container image: repository (with registry, normalised) and tag. */
export type Image = { repository: string; tag: string }

export const formatImage = (image: Image): string => `${image.repository}:${image.tag}`

/**
 * Reads `[registry[:port]/]path[:tag]`. A missing tag is `latest`; `docker.io/x` becomes
 * `index.docker.io/library/x`; a name without registry stays as it is. Throws `Invalid`.
 */
export function parseImage(text: string): Image {
  const { name, tag } = splitImage(text)
  const repository = normalised(name)
  if (!/^[a-z0-9_\-./:]{2,255}$/.test(repository) || /\/\/|^[-/]|\/$|:\/\//.test(repository))
    throw new Invalid(
      notUnderstood,
      `"${text}" is no image name: the repository has 2 to 255 of a-z 0-9 _ - . / (digests are not supported)`,
    )
  if (!/^[A-Za-z0-9_\-.]{1,128}$/.test(tag || 'latest'))
    throw new Invalid(
      notUnderstood,
      `"${tag}" is no image tag: it has 1 to 128 of A-Z a-z 0-9 _ - .`,
    )
  return { repository, tag: tag || 'latest' }
}

/** Splits off the tag: what follows the last colon, unless a slash comes after it. */
export function splitImage(text: string): { name: string; tag: string } {
  const colon = text.lastIndexOf(':')
  if (colon < 0 || text.includes('/', colon)) return { name: text, tag: '' }
  return { name: text.slice(0, colon), tag: text.slice(colon + 1) }
}

function normalised(name: string): string {
  const slash = name.indexOf('/')
  const first = slash < 0 ? '' : name.slice(0, slash)
  if (first !== 'docker.io') {
    const path = /[.:]/.test(first) ? name.slice(slash + 1) : name
    if (path.includes(':'))
      throw new Invalid(
        notUnderstood,
        `"${name}" has a colon that belongs to no registry port and no tag`,
      )
    return name
  }
  const path = name.slice(slash + 1)
  return `index.docker.io/${path.includes('/') ? path : `library/${path}`}`
}

/** An image of a query: an absent tag means any. */
export function parseImageQuery(text: string): { repository: string; tag?: string } {
  const slash = text.lastIndexOf('/')
  const colon = text.indexOf(':', slash + 1)
  const repository = colon < 0 ? text : text.slice(0, colon)
  if (repository === '' || repository.endsWith('/'))
    throw new Invalid(
      'bad request',
      `"image" should be REPOSITORY[:TAG], but "${text}" names no repository`,
    )
  if (text.includes('\0'))
    throw new Invalid('bad request', '"image" has a NUL character, which no image name has')
  const tag = colon < 0 ? '' : text.slice(colon + 1)
  return tag ? { repository, tag } : { repository }
}
