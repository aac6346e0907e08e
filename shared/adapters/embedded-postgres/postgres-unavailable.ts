import { statfsSync } from 'node:fs'

/** Postgres cannot serve: what happened and to which path, then what to try, then its last lines. */
export class PostgresUnavailable extends Error {
  override name = 'PostgresUnavailable'
  /** For people, in two lines; more only where the output has to speak for itself. */
  readonly plain: string

  constructor(
    happened: string,
    advice: string,
    details: { output?: string; isUnexplained?: boolean; cause?: unknown } = {},
  ) {
    const said = details.output?.trim()
    super(`${happened} ${advice}${said ? `\n${said}` : ''}`, { cause: details.cause })
    this.plain = `${happened}\n${advice}${said && details.isUnexplained ? `\n${complaints(said)}` : ''}`
  }
}

const complaint = /\b(FATAL|PANIC|ERROR|DETAIL|HINT): |^initdb: (error|detail|hint): /
const tailLines = 12

/** What an output complains of, without what went well before; its last lines where it does not say. */
function complaints(output: string): string {
  const lines = output.split('\n')
  const found = lines.filter((line) => complaint.test(line))
  return (found.length > 0 ? found : lines).slice(-tailLines).join('\n')
}

const debianPackages: Record<string, string> = {
  'libstdc++.so.6': 'libstdc++6',
  'libgcc_s.so.1': 'libgcc-s1',
  'libc.so.6': 'libc6',
  'libm.so.6': 'libc6',
}

const refused = 'Postgres refuses root, and users that /etc/passwd does not name,'

type Explanation = (folder: string, match: string[]) => [happened: string, advice: string]

const diskFull: Explanation = (folder) => [
  `The disk of ${folder} is full.`,
  'Free at least 100 MB there, or choose another folder, then start again.',
]

/** The first pattern wins: `unshare` reports a limit of zero user namespaces as "No space left". */
const explanations: [RegExp, Explanation][] = [
  [
    /spawn unshare ENOENT/,
    () => [
      `${refused} and \`unshare\`, which gives it another, is missing.`,
      'Install util-linux 2.38 or newer (`apt-get install util-linux`), or start as an ordinary user with a name.',
    ],
  ],
  [
    /unshare: .*(option|user|parse).*nobody|unshare: unrecognized option/,
    () => [
      `${refused} and this \`unshare\` cannot make us "nobody" to it.`,
      'Install util-linux 2.38 or newer and see that /etc/passwd has "nobody", or start as an ordinary user with a name.',
    ],
  ],
  [
    /unshare: (unshare failed|.*\/proc\/self\/)/,
    () => [
      `${refused} and this machine forbids the user namespace that gives it another.`,
      'Start as an ordinary user with a name, or allow user namespaces (`sysctl user.max_user_namespaces`; in a container, its seccomp profile).',
    ],
  ],
  [
    /(?:failed to execute|spawn) (.+?)(?:: Permission denied| EACCES)/,
    (_folder, [, program = '']) => [
      `We may not run ${program}.`,
      'See that it is executable and that its folders let us in (root included: Postgres runs without its privileges), or run `npm ci` again.',
    ],
  ],
  [
    /(?:failed to execute|spawn) (.+?)(?:: No such file or directory| ENOENT)/,
    (_folder, [, program = '']) => [
      `${program} is missing, or made for another kind of system.`,
      'Run `npm ci` again on this machine; a Linux without glibc (Alpine) needs a Postgres of its own, given by its URL.',
    ],
  ],
  [
    /error while loading shared libraries: ([^\s:]+)/,
    (_folder, [, library = '']) => [
      `Postgres needs the shared library ${library}, which this machine lacks.`,
      debianPackages[library]
        ? `Install it (Debian, Ubuntu: \`apt-get install ${debianPackages[library]}\`), then start again.`
        : 'Install the package that holds it (`apt-file search` names it), or run `npm ci` again if it is one of our own.',
    ],
  ],
  [/No space left on device|wrote only \d+ of \d+ bytes|ENOSPC|EDQUOT|quota exceeded/i, diskFull],
  [
    /Permission denied|EACCES|EPERM|Read-only file system|EROFS/,
    (folder) => [
      `Postgres may not write in ${folder}.`,
      'Choose a folder that belongs to you, in folders that let you in (root included: Postgres runs without its privileges).',
    ],
  ],
  [
    /ENOTDIR|EEXIST|ENOTEMPTY|ENOENT.*mkdir/,
    (folder) => [
      `Something that Postgres did not make is in its place in ${folder}.`,
      'Move it away, or choose another folder.',
    ],
  ],
  [
    /Cannot allocate memory|ENOMEM|could not (map anonymous|create) shared memory/,
    () => ['This machine has too little memory for Postgres.', 'Free some 200 MB and start again.'],
  ],
]

/** Names the cause when the output, or the disk, shows one. */
export function explain(what: string, folder: string, output: string, cause?: unknown) {
  for (const [pattern, explanation] of explanations) {
    const match = output.match(pattern)
    if (match) return new PostgresUnavailable(...explanation(folder, match), { output, cause })
  }
  // On a full disk the server cannot even write its log there: silence is a symptom.
  if (isFull(folder)) return new PostgresUnavailable(...diskFull(folder, []), { output, cause })
  const advice = 'Its last lines, below or in postgres.log there, say why.'
  const details = { output, isUnexplained: true, cause }
  return new PostgresUnavailable(`${what} in ${folder}.`, advice, details)
}

function isFull(folder: string) {
  try {
    const { bavail, bsize } = statfsSync(folder)
    return bavail * bsize < 1_000_000
  } catch {
    return false
  }
}
