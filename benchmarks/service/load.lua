-- Sends the bodies of one file in rotation, and prints what was counted as one line of JSON.
-- Arguments: the file (each body after its length and a newline), the content type.
local requests, at = {}, 0

function init(arguments)
  wrk.headers["Content-Type"] = arguments[2]
  wrk.method = "POST"
  local file = assert(io.open(arguments[1], "rb"))
  for length in function() return file:read("*n") end do
    file:read(1)
    requests[#requests + 1] = wrk.format(nil, nil, nil, file:read(length))
  end
  file:close()
end

function request()
  at = at % #requests + 1
  return requests[at]
end

function done(summary, latency, _)
  local e = summary.errors
  io.write(string.format(
    '\nRESULT {"requests": %d, "seconds": %f, "p50": %f, "p99": %f, "max": %f, '
      .. '"not_200": %d, "broken": %d, "timeouts": %d}\n',
    summary.requests, summary.duration / 1e6, latency:percentile(50) / 1e3,
    latency:percentile(99) / 1e3, latency.max / 1e3, e.status,
    e.connect + e.read + e.write, e.timeout))
end
