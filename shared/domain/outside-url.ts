/** What is wrong with the URL of somebody else whom an admin has us call; undefined when nothing is. */
export function faultOfUrl(text: string): string | undefined {
  const url = URL.canParse(text) ? new URL(text) : undefined
  if (!url || !/^https?:$/.test(url.protocol) || url.hostname === '')
    return 'names no http or https URL with a host'
  // Where clouds keep the secrets of their machines; written in any way, the URL has it so.
  if (/^(169\.254\.|\[fe[89ab]|\[::ffff:a9fe:|\[fd00:ec2:)/.test(url.hostname))
    return 'leads to the metadata of a machine'
  if (url.username !== '' || url.password !== '')
    return 'has a name or password in its URL, which would be shown to people and kept in the log'
  if (text.length > longest) return `has more than ${longest} characters`
  return undefined
}

// An index of the database has to hold it.
const longest = 2000

/** A text that may be a URL, to be shown: without a name and password. */
export const withoutUser = (text: string): string => text.replace(/\/\/[^/\s]*@/g, '//…@')
