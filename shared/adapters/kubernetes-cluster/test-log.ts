/** A text as a kubelet gives it when asked for stamps: one at the beginning of each line, a second apart from that before it. */
export const stamped = (text: string, second = 0): string =>
  text
    .split(/(?<=\n)/)
    .map((line, index) => line && `${stampAt(second + index)} ${line}`)
    .join('')

const stampAt = (second: number) =>
  new Date(Date.UTC(2026, 10, 22) + second * 1000).toISOString().replace('Z', '000000Z')

/** What a kubelet says in place of a log. */
export const complaints = [
  'failed to try resolving symlinks in path "/var/log/pods/knit_w-1_0/main/0.log": lstat /var/log/pods/knit_w-1_0: no such file or directory',
  'unable to retrieve container logs for containerd://0a1b2c',
  'no',
  'rpc error: code = NotFound\n',
]
