/** What registries say of images that will not be there tomorrow either; not that there is no such host, nor an unknown authority. */
export const imageIsUnavailable =
  /(manifest|name|tag) unknown|not found|denied|unauthorized|forbidden|authentication required|no basic auth credentials|does not exist|invalid reference|did not resolve|no matching manifest/i

type StartFailure = { pattern: RegExp; exitCode: number; what: string }

/** What runtimes say of commands that cannot be executed, with the codes that shells give them. */
export const startFailures: readonly StartFailure[] = [
  { pattern: /not found|no such file or directory/i, exitCode: 127, what: 'it was not found' },
  { pattern: /permission denied/i, exitCode: 126, what: 'it is not an executable file' },
  { pattern: /exec format error/i, exitCode: 126, what: 'it is for another kind of machine' },
]

export const unpullable = (image: string, complaint: string): string =>
  `the image ${image} cannot be pulled: ${complaint}`

/** What to do about an image that is not there, or not for us. */
export const checkImageName = 'Check its name and tag, or log in to its registry'

export const unexecutable = (what: string, complaint: string): string =>
  `the command cannot be executed: ${what}: ${complaint}`
