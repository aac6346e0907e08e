import { chmodSync, existsSync, mkdirSync, readFileSync, rmSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'

type Machine = {
  /** The runtimes that docker knows. */
  runtimes: string[]
  /** How many GPUs there are; where the driver is missing nobody can say. */
  gpus: number | undefined
}

/** For tests: a `docker` that runs nothing. It shows what docker is asked, and nothing about whether it would do that. */
export type StandIn = {
  /** What a program was asked so far: the arguments of each call. */
  calls(program: 'docker' | 'nvidia-smi'): string[][]
}

/** Puts `docker` and `nvidia-smi` of such a machine into a folder. */
export function standIn(folder: string, { runtimes, gpus }: Machine): StandIn {
  rmSync(folder, { recursive: true, force: true })
  mkdirSync(folder)
  const put = (program: string, script: string) => {
    const note = `printf '%s\\037' "$@" >> '${folder}/${program}.calls'\necho >> '${folder}/${program}.calls'`
    writeFileSync(join(folder, program), `#!/bin/sh\ncd '${folder}'\n${note}\n${script}`)
    chmodSync(join(folder, program), 0o755)
  }
  put('docker', docker(runtimes))
  const lines = Array.from({ length: gpus ?? 0 }, (_, index) => `echo 'GPU ${index}: of a test'\n`)
  put('nvidia-smi', gpus === undefined ? 'exit 9\n' : lines.join(''))
  return {
    calls(program) {
      const file = join(folder, `${program}.calls`)
      if (!existsSync(file)) return []
      const calls = readFileSync(file, 'utf8').trimEnd().split('\n')
      return calls.map((call) => call.split('\x1f').slice(0, -1))
    },
  }
}

const architecture = process.arch === 'x64' ? 'amd64' : process.arch

/** It has every image, and one container at a time, which ends as soon as it is started. */
const docker = (runtimes: string[]) => `case "$1 $2" in
  'info --format')
    echo 'true true true ["name=seccomp"] ${JSON.stringify(Object.fromEntries(runtimes.map((name) => [name, {}])))}' ;;
  'image inspect')
    case "$4" in
      *Architecture*) echo '${architecture} sha256:0' ;;
      *User*) echo ;;
      *) echo sha256:0 ;;
    esac ;;
  'container inspect')
    if [ -e started ]; then echo 'exited 0 false'
    elif [ -e created ]; then echo 'created 0 false'
    else echo 'No such container' >&2; exit 1; fi ;;
  create\\ *) : > created ;;
  start\\ *) : > started ;;
  rm\\ *) rm -f created started ;;
  run\\ *)
    for word; do
      case "$word" in *'"target=/volume"') volume=\${word#*source=} volume=\${volume%%\\"*} ;; esac
    done
    echo "$(cat "$volume/asked")" > "$volume/answered" ;;
esac
`
