// The publications that a job's slot is read through (correctness.md, 3): a private one of the
// leaves, for the job itself, and the consumer's. What the job makes bears a comment that names the
// job, set in the same transaction: it alone tells whose a publication is. Uses the given
// connection, outside a transaction, on the calling thread.
//
// CREATE and ALTER PUBLICATION take SHARE UPDATE EXCLUSIVE on their tables: they wait for VACUUM,
// and for an ALTER that itself waits for the job's locks. So each call gives up after a moment
// with ErrorKind::lock, for the caller to let its locks go and try again.
#pragma once

#include <cstdint>
#include <string>
#include <vector>

#include "pg/connection.hpp"

namespace pgstride::handoff {

/// A relation as a publication lists it.
struct PublishedName {
  std::string schema;
  std::string name;
  std::uint32_t oid = 0;
  bool only = false;  ///< without its children by inheritance
};

/// What marks an object on a server as the job's: its comment begins with it.
std::string job_mark(const std::string& job_uid);
/// Of its publications: the mark, and the slot that is read through them.
std::string publication_comment(const std::string& job_uid, const std::string& slot);
/// `pgstride_` and the job's uid.
std::string private_publication_name(const std::string& job_uid);

enum class Publication { missing, of_the_job, of_another_job, of_others };
Publication find_publication(pg::Connection& connection, const std::string& name,
                             const std::string& job_uid);

/// True if another job has made publications for a slot of this name.
bool another_job_reads(pg::Connection& connection, const std::string& slot,
                       const std::string& job_uid);

/// Makes a publication of all operations, without filters, with the comment.
void make_publication(pg::Connection& connection, const std::string& name,
                      const std::string& comment, const std::vector<PublishedName>& tables,
                      bool via_root);

/// Adds those of the tables that it does not list.
void extend_publication(pg::Connection& connection, const std::string& name,
                        const std::vector<PublishedName>& tables);

/// False if it is not there, or not the job's.
bool drop_publication(pg::Connection& connection, const std::string& name,
                      const std::string& job_uid);

/// Tables (leaves) whose changes it tells, but for those with these oids: quoted names, in order.
std::vector<std::string> published_besides(pg::Connection& connection, const std::string& name,
                                           const std::vector<std::uint32_t>& oids);

/// Something of a publication that would keep changes from its consumer, and the statement that
/// mends it.
struct PublicationFault {
  std::string what;
  std::string remedy;
};

/// What the consumer would miss of these leaves, each with the table at its place in `roots` that
/// it belongs to: operations, rows, columns, whole tables; with `via_root` also that changes of
/// partitions come under a leaf's name.
std::vector<PublicationFault> publication_faults(pg::Connection& connection,
                                                 const std::string& name,
                                                 const std::vector<PublishedName>& leaves,
                                                 const std::vector<PublishedName>& roots,
                                                 bool via_root);

}  // namespace pgstride::handoff
