import { faultTests } from './campaign.js'

faultTests(
  ['solve'],
  {
    errors: { sample: 1, usual: 40 },
    kills: { sample: 1, usual: 16 },
    bytes: { sample: 1, usual: 12 },
    descriptors: { sample: 1, usual: 30 },
    stops: { sample: 0, usual: 3 },
  },
  {
    solve: [
      'close:audit:1 EIO once',
      'stat:audit:9 EACCES twice',
      'stat:audit:9 EIO all',
      'pread:wal:1 EIO once',
      'pread:wal:3 EIO twice',
      'unlink:journal:1 EIO twice',
    ],
  },
)
faultTests(
  ['limit', 'recovery', 'close'],
  {
    errors: { sample: 0, usual: 24 },
    kills: { sample: 1, usual: 12 },
    bytes: { sample: 0, usual: 8 },
  },
  {
    limit: ['write:audit:7 ENOSPC same', 'lock:shm:31 EAGAIN all', 'unlock:shm:54 EIO next'],
    recovery: ['write:audit:5 kill-before once'],
  },
)
